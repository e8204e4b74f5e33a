/* bench.h - workloads, how they are timed, and what the hardware would allow. */
#ifndef BENCH_H
#define BENCH_H

#include "tapir.h"

typedef struct workload workload;

enum { BENCH_MAX_INPUTS = 4, BENCH_MAX_BATCHES = 16, BENCH_MAX_LAYERS = 8 };

/* What a workload works on: the parts it does not use are NULL. */
typedef struct {
    const workload *w;
    tp_tape *T;
    tp_tensor *in[BENCH_MAX_INPUTS]; /* owned, as are the batches */
    int n_in;
    tp_tensor *cotangent;
    tp_module *net;
    tp_params *set; /* of tensors that are no module's */
    tp_optim *optim;
    tp_loader *loader;
    tp_tensor *x[BENCH_MAX_BATCHES], *y[BENCH_MAX_BATCHES];
    int n_batches, at;
} bench_state;

/* One row. The figure is work / seconds, or work * seconds where less is better. */
struct workload {
    const char *name, *unit;
    double work;
    bool less_is_better;
    void (*setup)(bench_state *s);
    void (*run)(bench_state *s);
    const void *arg; /* what setup, run and floor need to know */
    /* Seconds below which this hardware cannot do the row, measured now; NULL: not known. */
    double (*floor)(const workload *w, double budget);
};

double bench_figure(const workload *w, double seconds);

/* Each table ends with an entry that has no name. */
extern const workload bench_products[];
extern const workload bench_operators[];
extern const workload bench_elementwise[];
extern const workload bench_convolutions[];
extern const workload bench_training[];
extern const workload bench_optimizers[];
extern const workload bench_recurrent[];
extern const workload bench_loading[];
extern const workload bench_files[];
extern const workload bench_linalg[];
extern const workload bench_linalg_sizes[], bench_scaling[]; /* only where asked for by name */

/* Makes the inputs; false, with the tape's error, where that failed. */
bool bench_open(bench_state *s, const workload *w);
void bench_close(bench_state *s);

/* An owned tensor with standard normal values. */
tp_tensor *bench_randn(tp_tape *T, tp_dtype dtype, tp_dims shape);

/* ---- timing.c --------------------------------------------------------------------------------- */

typedef struct {
    double best, median; /* seconds a call                                                   */
    int64_t n;           /* calls                                                            */
    double foreign;      /* share of the machine that other processes used: distrust above 0.05 */
} bench_timing;
double bench_now(void);     /* seconds, monotonic */
extern bool bench_cpu_time; /* bench_time counts the process's own time, of all its threads */
bench_timing bench_time(void (*run)(void *), void *arg, double budget);
double bench_peak_mib(void); /* the most memory this process held */

/* ---- networks (workloads_train.c, floor.c) ----------------------------------------------------- */

typedef enum { BENCH_BCE, BENCH_CROSS_ENTROPY, BENCH_MSE } bench_loss;
typedef enum { BENCH_SGD, BENCH_ADAM, BENCH_ADAMW } bench_optim;

/* Linear layers size[0] -> size[1] -> ... with an activation between them. */
typedef struct {
    int layers;
    int64_t size[BENCH_MAX_LAYERS + 1];
    int64_t batch;
    int n_batches;
    tp_module *(*activation)(tp_tape *T);
    bench_loss loss;
    bench_optim optim;
} bench_net;

/* A network with convolutions, by workloads_conv.c; 10^9 operations of the products of a step, by the definition. */
typedef struct {
    int64_t batch;
    double work;
    tp_module *(*make)(tp_tape *T);
    bench_optim optim;
} bench_cnn;

/* Process start to exit: a new tape and ten steps of logistic regression. */
int bench_first_steps(void);

/* ---- floor.c: the hardware's side, without the library ------------------------------------------ */

double floor_gemm(const workload *w, double budget); /* arg: bench_product; raw BLAS */
double floor_gemv(const workload *w, double budget);
double floor_net(const workload *w, double budget);    /* arg: bench_net; the step's products alone */
double floor_copy(const workload *w, double budget);   /* the row's bytes at the speed of a copy    */
double floor_rows(const workload *w, double budget);   /* 60,000 rows of 784 floats, copied            */
double floor_read(const workload *w, double budget);   /* 2^24 floats, read once                    */
double floor_adam(const workload *w, double budget);   /* three streams updated in place from a fourth */
double floor_sgdm(const workload *w, double budget);   /* two from a third                             */
double floor_linalg(const workload *w, double budget); /* arg: bench_factor; raw LAPACKE, forward alone */
double floor_fma(const workload *w, double budget);    /* the row's GFLOP at the rate of multiply-adds */
double floor_cnn(const workload *w, double budget);    /* arg: bench_cnn; the same */
double floor_pinn(const workload *w, double budget);
double floor_hvp(const workload *w, double budget);
/* Bytes that parameters, gradients and the optimizer's state need; 0: the row is no network. */
double floor_net_bytes(const workload *w);

typedef struct {
    const char *name, *unit;
    double figure;
} floor_limit;
enum { FLOOR_LIMITS = 6 };
/* Limits of the machine as it is now: GEMM rate; copy, triad and read bandwidth; multiply-adds in float32; a line's way to
 * another core and back. */
void floor_limits(floor_limit limit[FLOOR_LIMITS], double budget);

typedef struct {
    tp_dtype dtype;
    int64_t n; /* square */
    bool ta, tb;
} bench_product;

/* A factorization or solve of `count` matrices of order n. */
typedef enum {
    BENCH_CHOLESKY,
    BENCH_LU,
    BENCH_SOLVE,
    BENCH_TRIANGULAR,
    BENCH_INV,
    BENCH_DET,
    BENCH_QR,
    BENCH_EIGH,
    BENCH_SVD,
    BENCH_LSTSQ
} bench_factorization;

typedef struct {
    bench_factorization what;
    tp_dtype dtype;
    int64_t n, count;
    bool back;
} bench_factor;

#endif
