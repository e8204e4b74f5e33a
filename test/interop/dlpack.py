# DLPack with the real libraries: what PyTorch and NumPy export is imported here, and the other way round, in this process.
#
#     python3 test/interop/dlpack.py build
#
# needs: numpy, torch
import ctypes, gc, numpy, sys, torch
from torch.utils import dlpack


class Dims(ctypes.Structure):
    _fields_ = [("ndim", ctypes.c_int), ("dim", ctypes.c_int64 * 10)]


P = ctypes.c_void_p
tp = ctypes.CDLL(sys.argv[1] + "/libtapir.so")
for name, result, *arguments in (
        ("tape_new", P), ("tape_free", None, P), ("tape_reset", ctypes.c_int, P), ("error", ctypes.c_char_p, P),
        ("clear_error", None, P), ("from_dlpack", P, P, P), ("to_dlpack", P, P, P), ("data", P, P), ("keep", P, P),
        ("free", None, P), ("numel", ctypes.c_int64, P), ("stride", ctypes.c_int64, P, ctypes.c_int),
        ("size", ctypes.c_int64, P, ctypes.c_int), ("dtype_of", ctypes.c_int, P), ("t", P, P, P),
        ("item_at", ctypes.c_double, P, ctypes.c_int64), ("slice", P, P, P, ctypes.c_int, *[ctypes.c_int64] * 3),
        ("arange", P, P, ctypes.c_int, *[ctypes.c_double] * 3), ("reshape", P, P, P, Dims), ("copy_into", ctypes.c_int, P, P, P)):
    f = getattr(tp, "tp_" + name)
    f.restype, f.argtypes = result, arguments
T = tp.tp_tape_new()

api = ctypes.pythonapi
api.PyCapsule_GetPointer.restype, api.PyCapsule_GetPointer.argtypes = P, [ctypes.py_object, ctypes.c_char_p]
api.PyCapsule_SetName.argtypes = [ctypes.py_object, ctypes.c_char_p]
api.PyCapsule_New.restype, api.PyCapsule_New.argtypes = ctypes.py_object, [P, ctypes.c_char_p, P]
used = ctypes.create_string_buffer(b"used_dltensor")
fresh = ctypes.create_string_buffer(b"dltensor")


def to_tapir(capsule):
    pointer = api.PyCapsule_GetPointer(capsule, b"dltensor")
    api.PyCapsule_SetName(capsule, used)  # as the protocol has it: it is ours now
    return tp.tp_from_dlpack(T, pointer)


class Exporter:  # as numpy.from_dlpack wants it
    def __init__(self, x):
        self.x = x

    def __dlpack__(self, stream=None):
        return api.PyCapsule_New(tp.tp_to_dlpack(T, self.x), fresh, None)

    def __dlpack_device__(self):
        return 1, 0


def values(x):
    return [tp.tp_item_at(x, i) for i in range(tp.tp_numel(x))]


F32, F64, I32, I64, U8 = range(5)

# theirs: dtypes, strides, offsets, memory that is shared and lives as long as it is looked at
for theirs, ours in (torch.float32, F32), (torch.float64, F64), (torch.int32, I32), (torch.int64, I64), (torch.uint8, U8):
    a = torch.arange(12).reshape(3, 4).to(theirs)
    view = a.t()[1:, 1:]  # [3, 2] from element 5 on
    x = to_tapir(dlpack.to_dlpack(view))
    assert tp.tp_dtype_of(x) == ours and tp.tp_data(x) == view.data_ptr()
    assert [tp.tp_stride(x, d) for d in (0, 1)] == list(view.stride())
    assert values(x) == view.flatten().tolist(), (theirs, values(x))
    a[1, 1] = 100
    assert tp.tp_item_at(x, 0) == 100
n = numpy.arange(12, dtype=numpy.float64).reshape(3, 4)[::-1, ::2]  # strides below 0
x = to_tapir(n.__dlpack__())
assert tp.tp_stride(x, 0) == -4 and values(x) == n.flatten().tolist()
x = to_tapir(dlpack.to_dlpack(torch.tensor(2.5)))
assert values(x) == [2.5] and tp.tp_numel(to_tapir(dlpack.to_dlpack(torch.zeros(0, 3)))) == 0

# the deleter is called exactly once: numpy's reference comes back when the last tensor is gone
base = numpy.zeros(5)
before = sys.getrefcount(base)
x = to_tapir(base.__dlpack__())
kept = tp.tp_keep(x)
held = sys.getrefcount(base)
assert held > before
tp.tp_tape_reset(T)
assert sys.getrefcount(base) == held
tp.tp_free(kept)
assert sys.getrefcount(base) == before
half = numpy.zeros(5, numpy.float16)
before = sys.getrefcount(half)
assert to_tapir(half.__dlpack__()) is None and b"16 bits" in tp.tp_error(T) and sys.getrefcount(half) == before
tp.tp_clear_error(T)

# ours: the same, and the tape may go
for dtype, theirs in (F32, "float32"), (F64, "float64"), (I32, "int32"), (I64, "int64"), (U8, "uint8"):
    x = tp.tp_reshape(T, tp.tp_arange(T, dtype, 0, 12, 1), Dims(2, (ctypes.c_int64 * 10)(3, 4)))
    x = tp.tp_slice(T, tp.tp_t(T, x), 0, 1, 4, 1)
    want = [1, 5, 9, 2, 6, 10, 3, 7, 11]
    a, b = dlpack.from_dlpack(Exporter(x).__dlpack__()), numpy.from_dlpack(Exporter(x))
    assert str(a.dtype) == "torch." + theirs and a.data_ptr() == tp.tp_data(x) and a.stride() == (1, 4)
    assert b.dtype == theirs and a.flatten().tolist() == b.flatten().tolist() == want
    a[0, 0] = 50
    assert tp.tp_item_at(x, 0) == 50 and b[0, 0] == 50
tp.tp_tape_free(T)
assert a.flatten().tolist()[1:] == want[1:]
del a, b
gc.collect()
print("torch %s, numpy %s" % (torch.__version__, numpy.__version__))
