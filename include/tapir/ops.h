/* ops.h - all operators on tensors: one include for the headers of their kinds.
 *
 * All take the tape first and return a new tensor of the tape, or NULL after a failure. Operands are broadcast against
 * each other and promoted as in PyTorch. `dim` may be negative (from the end). Float results are differentiable, to
 * any order, unless a comment says otherwise. An `int dim` counts dimensions from 0, or from the end (-1 is the last);
 * a list `n, dims` of them names each once, and n = 0 means all of them. Where there is a `keepdim`, a dimension that
 * went stays as one of size 1. torch's defaults are said where C has none.
 *
 * What all of them refuse is not said each time: a tensor that is NULL, or was given back (TP_EINVAL), or is another
 * tape's (TP_EFOREIGN); shapes that do not broadcast or fit (TP_ESHAPE); dtypes that the function has not (TP_EDTYPE);
 * a dimension or an index that is not there (TP_EINDEX); another argument that makes no sense (TP_EINVAL); more memory
 * than there is (TP_ENOMEM). tp_error says which, with what was given and what is needed.
 *
 * Shapes are written x [n, d]; [...] stands for any dimensions, [] for a 0-d tensor.
 *
 * PyTorch's other names, and what has their place here:
 *   tensor, as_tensor: tp_from.  from_numpy, asarray: tp_wrap.  scalar_tensor: tp_scalar.  numpy: tp_data.
 *   new_empty, new_zeros, new_ones, new_full, new_tensor: the function without new_, with tp_dtype_of(x).
 *   copy_, and the in-place and out= forms that have no function: tp_copy_into (tape.h).
 *   float, double, int, long, byte, bool, type, type_as: tp_to.  ravel: tp_flatten(T, x, 0, -1).
 *   view_as, reshape_as, expand_as, broadcast_to: tp_view, tp_reshape, tp_expand with a shape (tp_shape_of(y)).
 *   swapaxes, swapdims: tp_transpose.  moveaxis: tp_movedim.  atleast_1d, _2d, _3d: tp_atleast.  argwhere: tp_nonzero.
 *   concat, concatenate: tp_cat.  row_stack: tp_vstack.  adjoint, mH: tp_mT.  H: tp_T.
 *   subtract, multiply, divide, true_divide: tp_sub, tp_mul, tp_div.  rsub: tp_rsub_scalar, or tp_sub turned around.
 *   negative, absolute, positive, fix, sgn: tp_neg, tp_abs, x itself, tp_trunc, tp_sign.  clip: tp_clamp.
 *   arcsin, arccos, arctan, arctan2, arcsinh, arccosh, arctanh: tp_asin ... tp_atanh.
 *   not_equal, less, less_equal, greater, greater_equal: tp_ne, tp_lt, tp_le, tp_gt, tp_ge.
 *   norm: tp_linalg_vector_norm.  trapz: tp_trapezoid.  vdot: tp_dot.  ger: tp_outer.  cross, matrix_power,
 *   chain_matmul: tp_linalg_cross, _matrix_power, _multi_dot (linalg.h).
 *   special.expit, gammaln, psi, multigammaln, gammainc, gammaincc: tp_sigmoid, tp_lgamma, tp_digamma, tp_mvlgamma,
 *   tp_igamma, tp_igammac.  conj, real, resolve_conj: x itself, for there are no complex numbers.
 */
#ifndef TAPIR_OPS_H
#define TAPIR_OPS_H

#include "create.h"
#include "elementwise.h"
#include "reduce.h"
#include "shape.h"
#include "index.h"
#include "inplace.h"
#include "sort.h"
#include "linalg.h"
#include "nn_functional.h"
#include "random.h"

#endif
