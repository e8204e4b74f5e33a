#!/usr/bin/env python3
"""PyTorch's side of the benchmark: the workloads of tapir-bench, same names, units and shapes.

usage: peers_torch.py [--list] [--threads N] [--budget SEC] [--rss NAME] [--startup] [name or glob ...]

Prints a header line and then one JSON object a workload; "min" is the figure of the fastest call,
"median" that of the median call, "foreign" the share of the machine other processes used meanwhile.
"""
import argparse
import atexit
import ctypes
import fnmatch
import importlib.util
import itertools
import json
import os
import re
import shutil
import statistics
import subprocess
import sys
import tempfile
import time


def emit(**fields):
    print(json.dumps(fields), flush=True)


def peak_mib():
    with open("/proc/self/status") as status:
        return int(re.search(r"VmHWM:\s+(\d+)", status.read()).group(1)) / 1024


# ---- start-up: whole processes, so before torch is imported here

FIRST_STEPS = r"""
import re, torch
model = torch.nn.Linear(8, 1)
optim = torch.optim.SGD(model.parameters(), lr=0.1)
x = torch.randn(32, 8)
y = (x[:, :1] > 0).float()
for i in range(10):
    optim.zero_grad()
    torch.nn.functional.binary_cross_entropy_with_logits(model(x), y).backward()
    optim.step()
print(int(re.search(r"VmHWM:\s+(\d+)", open("/proc/self/status").read()).group(1)) / 1024)
"""


def startup(runs=5):
    wall, rss = [], []
    for i in range(runs + 1):
        begin = time.perf_counter()
        out = subprocess.run([sys.executable, "-c", FIRST_STEPS], stdout=subprocess.PIPE, check=True).stdout
        wall.append((time.perf_counter() - begin) * 1e3)
        rss.append(float(out))
    # the first one fills the file cache and does not count
    for name, unit, v in (("wall", "ms", wall[1:]), ("rss", "MiB", rss[1:])):
        emit(name="startup_logreg10_" + name, unit=unit, min=round(min(v), 2),
             median=round(statistics.median(v), 2), n=runs, less_is_better=True)


# ---- timing

def machine_busy():
    """Seconds all processors were busy, ever."""
    with open("/proc/stat") as stat:
        user, nice, system, _idle, _iowait, irq, softirq, steal = map(int, stat.readline().split()[1:9])
    return (user + nice + system + irq + softirq + steal) / os.sysconf("SC_CLK_TCK")


CPU_TIME = False  # of the process, instead of the clock's


def measure(call, budget):
    """Seconds of each sample, calls a sample, share of the machine that others used."""
    clock = time.process_time if CPU_TIME else time.perf_counter
    begin = clock()
    call()
    few = 2 if clock() - begin > budget else 5
    if few > 2:
        call()
    begin = clock()
    call()
    repeat = max(1, int(0.002 / max(clock() - begin, 1e-7)))
    busy, own, begin = machine_busy(), time.process_time(), clock()
    samples, last = [], begin
    while len(samples) < 4096 and (len(samples) < few or last - begin < budget):
        for _ in range(repeat):
            call()
        now = clock()
        samples.append((now - last) / repeat)
        last = now
    others = machine_busy() - busy - (time.process_time() - own)
    return samples, repeat, 0.0 if CPU_TIME else max(0.0, others / (last - begin) / os.cpu_count())


# ---- workloads

class Row:
    """A name, a unit, a way to make the call, and the figure: work / seconds, or work * seconds."""

    def __init__(self, name, unit, work, make, less=False):
        self.name, self.unit, self.work, self.make, self.less = name, unit, work, make, less

    def figure(self, seconds):
        return self.work * seconds if self.less else self.work / seconds


def product_rows():
    def matrix(n, dtype, ta, tb):
        a, b = (x.t() if turned else x for x, turned in
                ((torch.randn(n, n, dtype=dtype), ta), (torch.randn(n, n, dtype=dtype), tb)))
        out = torch.empty(n, n, dtype=dtype)
        return lambda: torch.mm(a, b, out=out)

    def vector(n):
        a, x, out = torch.randn(n, n), torch.randn(n), torch.empty(n)
        return lambda: torch.mv(a, x, out=out)

    for letter, dtype in (("s", torch.float32), ("d", torch.float64)):
        for n in (64, 128, 256, 512, 1024, 2048):
            yield Row(f"{letter}gemm_{n}", "GFLOP/s", 2e-9 * n ** 3, lambda n=n, t=dtype: matrix(n, t, False, False))
    for letter, dtype in (("s", torch.float32), ("d", torch.float64)):
        for form in ("nt", "tn", "tt"):
            for n in (128, 512, 2048):
                yield Row(f"{letter}gemm_{n}_{form}", "GFLOP/s", 2e-9 * n ** 3,
                          lambda n=n, t=dtype, f=form: matrix(n, t, f[0] == "t", f[1] == "t"))
    for n in (1024, 4096):
        yield Row(f"sgemv_{n}", "GB/s", 4e-9 * n * n, lambda n=n: vector(n))


def operator_rows():
    def chain(grad, backward):
        start, scale, shift = (torch.full((8,), v, requires_grad=grad) for v in (1.0, 0.999, 0.001))

        def call():
            x = start
            for _ in range(1000):
                x = x * scale + shift
            if backward:
                x.sum().backward()
                start.grad = scale.grad = shift.grad = None
        return call

    for name, grad, backward in (("nograd", False, False), ("tape", True, False), ("bwd", True, True)):
        yield Row("op_fwd_" + name, "ns/op", 1e9 / 2000, lambda g=grad, b=backward: chain(g, b), less=True)


def elementwise_rows():
    count = 1 << 24
    rows, columns = 8192, 1024

    def norm(x, w, b):
        return torch.nn.functional.layer_norm(x, (columns,), w, b)
    cases = [  # name, arrays moved forward and backward, number and shape of inputs, function
        ("muladd", 4, 5, 3, (count,), lambda a, b, c: a * b + c),
        ("addcmul", 4, 5, 3, (count,), lambda a, b, c: torch.addcmul(c, a, b)),
        ("exp", 2, 3, 1, (count,), torch.exp),
        ("tanh", 2, 3, 1, (count,), torch.tanh),
        ("sigmoid", 2, 3, 1, (count,), torch.sigmoid),
        ("gelu", 2, 3, 1, (count,), torch.nn.functional.gelu),
        ("softmax4096", 2, 3, 1, (4096, 4096), lambda a: torch.softmax(a, -1)),
        ("layernorm", 1, 1.5, 3, (rows, columns), norm),  # half as many elements
        ("sum", 1, 1, 1, (count,), torch.sum),
    ]

    def shapes(n, shape):  # after a matrix come vectors of its columns
        return [shape] + [shape[1:] if len(shape) > 1 else shape] * (n - 1)

    def in_cache(f, dtype):
        x, out = torch.rand(65536, dtype=dtype), torch.empty(65536, dtype=dtype)
        return lambda: f(x, out=out)

    def gelu_in_cache(dtype):
        x = torch.rand(65536, dtype=dtype)
        return lambda: torch.nn.functional.gelu(x)

    def power(x, out):  # an exponent that has no short way
        return torch.pow(x, 1.3, out=out)

    def forward(f, n, shape):
        inputs = [torch.randn(s) for s in shapes(n, shape)]

        def call():
            with torch.no_grad():
                f(*inputs)
        return call

    def both(f, n, shape):
        inputs = [torch.randn(s, requires_grad=True) for s in shapes(n, shape)]
        cotangent = torch.ones_like(f(*inputs).detach())
        return lambda: torch.autograd.grad(f(*inputs), inputs, cotangent)

    for name, ahead, back, n, shape, f in cases:
        part = (f, n, shape)
        yield Row(f"ew_{name}_fwd", "GB/s", 4e-9 * count * ahead, lambda p=part: forward(*p))
        yield Row(f"ew_{name}_fwdbwd", "GB/s", 4e-9 * count * (ahead + back), lambda p=part: both(*p))
    few = {"exp": torch.exp, "tanh": torch.tanh, "sigmoid": torch.sigmoid, "log": torch.log, "sin": torch.sin,
           "erf": torch.erf, "pow": power}
    only32 = {"atan": torch.atan, "expm1": torch.expm1}
    for end, dtype, unit, functions in (("", torch.float32, "ns/float", {**few, **only32}),
                                        ("_f64", torch.float64, "ns/double", few)):
        for name, f in functions.items():
            yield Row(f"ew_{name}_64k{end}", unit, 1e9 / 65536, lambda f=f, t=dtype: in_cache(f, t), less=True)
        yield Row(f"ew_gelu_64k{end}", unit, 1e9 / 65536, lambda t=dtype: gelu_in_cache(t), less=True)


def faster_layout(make):  # of the two
    calls = [make(layout) for layout in (torch.contiguous_format, torch.channels_last)]
    return min(calls, key=lambda call: min(measure(call, 0.1)[0]))


def convolution_rows():
    layers = [  # name, images, channels in and out, size, kernel, stride, padding, groups
        ("cnn1", 64, 1, 32, 28, 3, 1, 0, 1),
        ("cnn2", 64, 32, 64, 26, 3, 1, 0, 1),
        ("res", 32, 64, 64, 32, 3, 1, 1, 1),
        ("c128", 32, 128, 128, 16, 3, 1, 1, 1),
        ("c256", 32, 256, 256, 8, 3, 1, 1, 1),
        ("1x1", 32, 64, 256, 32, 1, 1, 0, 1),
        ("5x5", 64, 6, 16, 14, 5, 1, 0, 1),
        ("stride2", 32, 64, 128, 32, 3, 2, 1, 1),
        ("depthwise", 32, 64, 64, 32, 3, 1, 1, 64),
    ]

    def call_of(layer, layout, backward):
        name, n, inside, outside, size, k, stride, padding, groups = layer
        x = torch.randn(n, inside, size, size).to(memory_format=layout)
        w = torch.randn(outside, inside // groups, k, k).to(memory_format=layout)
        given = [w] if name == "cnn1" else [x, w]  # the first layer's x needs no gradient

        def forward():
            with torch.no_grad():
                torch.nn.functional.conv2d(x, w, None, stride, padding, 1, groups)

        def both():
            y = torch.nn.functional.conv2d(x, w, None, stride, padding, 1, groups)
            torch.autograd.grad(y, given, cotangent)
        if not backward:
            return forward
        for t in given:
            t.requires_grad_()
        cotangent = torch.ones_like(torch.nn.functional.conv2d(x, w, None, stride, padding, 1, groups).detach())
        return both

    def faster(layer, backward):
        return faster_layout(lambda layout: call_of(layer, layout, backward))

    for layer in layers:
        name, n, inside, outside, size, k, stride, padding, groups = layer
        side = (size + 2 * padding - k) // stride + 1
        work = 2e-9 * n * inside * outside / groups * k * k * side * side
        yield Row(f"conv_{name}_fwd", "GFLOP/s", work, lambda c=layer: faster(c, False))
        yield Row(f"conv_{name}_fwdbwd", "GFLOP/s", work * (2 if name == "cnn1" else 3), lambda c=layer: faster(c, True))


def network_rows():
    nn, F = torch.nn, torch.nn.functional

    def two_convolutions(second):
        return nn.Sequential(nn.Conv2d(1, 32, 3), nn.ReLU(), nn.Conv2d(32, second, 3), nn.ReLU(), nn.MaxPool2d(2),
                             nn.Flatten(), nn.Linear(144 * second, 128), nn.ReLU(), nn.Linear(128, 10))

    def of_ggml():
        return nn.Sequential(nn.Conv2d(1, 8, 3, padding=1), nn.ReLU(), nn.MaxPool2d(2), nn.Conv2d(8, 16, 3, padding=1),
                             nn.ReLU(), nn.MaxPool2d(2), nn.Flatten(), nn.Linear(784, 10))

    def lenet():
        return nn.Sequential(nn.Conv2d(1, 6, 5, padding=2), nn.ReLU(), nn.MaxPool2d(2), nn.Conv2d(6, 16, 5), nn.ReLU(),
                             nn.MaxPool2d(2), nn.Flatten(), nn.Linear(400, 120), nn.ReLU(), nn.Linear(120, 84),
                             nn.ReLU(), nn.Linear(84, 10))

    class Block(nn.Module):
        def __init__(self):
            super().__init__()
            self.c1, self.c2 = (nn.Conv2d(64, 64, 3, padding=1, bias=False) for _ in range(2))
            self.b1, self.b2 = nn.BatchNorm2d(64), nn.BatchNorm2d(64)

        def forward(self, x):
            return F.relu(self.b2(self.c2(F.relu(self.b1(self.c1(x))))) + x)

    def step_of(make, batch, optimizer, layout):
        model = make().to(memory_format=layout)
        xs = [torch.rand(batch, 1, 28, 28).to(memory_format=layout) for _ in range(4)]
        ys = [torch.randint(0, 10, (batch,)) for _ in range(4)]
        return trained(model, optimizer, lambda i: F.cross_entropy(model(xs[i % 4]), ys[i % 4]))

    def block_of(layout):
        model = Block().to(memory_format=layout)
        x = torch.randn(32, 64, 32, 32).to(memory_format=layout).requires_grad_()

        def loss(_):
            x.grad = None
            return model(x).square().mean()
        return trained(model, "sgd", loss)

    def trained(model, optimizer, loss):
        optim = OPTIMIZERS[optimizer](model.parameters())
        at = iter(range(1 << 60))

        def call():
            optim.zero_grad(set_to_none=True)
            loss(next(at)).backward()
            optim.step()
        return call

    def row(name, batch, make, optimizer):
        return Row(name, "samples/s", batch,
                   lambda: faster_layout(lambda layout: step_of(make, batch, optimizer, layout)))

    yield row("cnn_28x28_b64_sgd", 64, lambda: two_convolutions(64), "sgd")
    yield row("cnn_kannshape_b64_adam", 64, lambda: two_convolutions(32), "adam")
    yield row("cnn_ggmlshape_b500_adamw", 500, of_ggml, "adamw")
    yield row("lenet_28x28_b64_sgd", 64, lenet, "sgd")
    yield Row("resblock64_32x32_b32_sgd", "samples/s", 32, lambda: faster_layout(block_of))


def recurrent_rows():
    nn, F = torch.nn, torch.nn.functional

    def make(layer):
        net, head = layer(64, 256, batch_first=True), nn.Linear(256, 10)
        optim = OPTIMIZERS["adam"]([*net.parameters(), *head.parameters()])
        data = [(torch.rand(32, 64, 64), torch.randint(0, 10, (32,))) for _ in range(2)]
        at = itertools.cycle(data)

        def call():
            x, y = next(at)
            optim.zero_grad(set_to_none=True)
            F.cross_entropy(head(net(x)[0][:, -1]), y).backward()
            optim.step()
        return call

    def table(optimizer):
        net = nn.Embedding(1000000, 64, sparse=True)
        optim = optimizer(net.parameters())
        at = itertools.cycle([torch.randint(0, 1000000, (4096,)) for _ in range(2)])

        def call():
            optim.zero_grad(set_to_none=True)
            net(next(at)).square().mean().backward()
            optim.step()
        return call

    for name, optimizer in (("sgd", OPTIMIZERS["sgd"]), ("sparse_adam", torch.optim.SparseAdam)):
        yield Row(f"embedding_1M_{name}", "us", 1e6, lambda optimizer=optimizer: table(lambda p: optimizer(list(p))), less=True)

    for name, layer in (("lstm", nn.LSTM), ("gru", nn.GRU), ("rnn", nn.RNN)):
        yield Row(f"{name}_i64_h256_t64_b32_adam", "samples/s", 32, lambda layer=layer: make(layer))


OPTIMIZERS = {
    "sgd": lambda params: torch.optim.SGD(params, lr=1e-3),
    "sgdm": lambda params: torch.optim.SGD(params, lr=1e-3, momentum=0.9),
    "adam": lambda params: torch.optim.Adam(params, lr=1e-4),
    "adamw": lambda params: torch.optim.AdamW(params, lr=1e-4),
    **{name.lower(): lambda params, of=name: getattr(torch.optim, of)(params, lr=1e-4)
       for name in ("Adamax", "NAdam", "RAdam", "Adagrad", "Adadelta", "RMSprop", "Rprop", "ASGD")},
}


def perceptron(sizes, activation):
    layers = [torch.nn.Linear(sizes[0], sizes[1])]
    for a, b in zip(sizes[1:], sizes[2:]):
        layers += [activation(), torch.nn.Linear(a, b)]
    return layers[0] if len(layers) == 1 else torch.nn.Sequential(*layers)


def trainer(sizes, batch, batches, activation, loss, optimizer):
    model = perceptron(sizes, activation)
    optim = OPTIMIZERS[optimizer](model.parameters())
    functional = torch.nn.functional
    if loss == "classes":
        criterion = functional.cross_entropy
        data = [(torch.rand(batch, sizes[0]), torch.randint(0, sizes[-1], (batch,))) for _ in range(batches)]
    elif loss == "logits":
        criterion = functional.binary_cross_entropy_with_logits
        data = [(torch.randn(batch, sizes[0]), torch.randint(0, 2, (batch, sizes[-1])).float())
                for _ in range(batches)]
    else:
        criterion = functional.mse_loss
        data = [(torch.randn(batch, sizes[0]), torch.randn(batch, sizes[-1])) for _ in range(batches)]
    at = 0

    def call():
        nonlocal at
        x, y = data[at % batches]
        at += 1
        optim.zero_grad(set_to_none=True)
        criterion(model(x), y).backward()
        optim.step()
    return call


def heat_equation():
    """u(x, t) by a tanh network; the residual u_t - 0.1 u_xx squared is minimized."""
    model = perceptron((2, 64, 64, 64, 1), torch.nn.Tanh)
    optim = OPTIMIZERS["sgd"](model.parameters())
    points = torch.rand(1024, 2, requires_grad=True)

    def derivative(y):
        return torch.autograd.grad(y.sum(), points, create_graph=True)[0]

    def call():
        optim.zero_grad(set_to_none=True)
        du = derivative(model(points))
        uxx = derivative(du[:, 0])[:, 0]
        (du[:, 1] - 0.1 * uxx).square().mean().backward()
        optim.step()
        points.grad = None
    return call


def hessian_vector():
    """The Hessian of a loss times a vector, in the parameters of a tanh network."""
    model = perceptron((2, 64, 64, 64, 1), torch.nn.Tanh)
    params = list(model.parameters())
    x, y = torch.rand(1024, 2), torch.rand(1024, 1)
    vector = [torch.randn_like(p) for p in params]

    def call():
        loss = torch.nn.functional.mse_loss(model(x), y)
        grads = torch.autograd.grad(loss, params, create_graph=True)
        return torch.autograd.grad(grads, params, vector)
    return call


def training_rows():
    relu, tanh = torch.nn.ReLU, torch.nn.Tanh
    mnist, large = (784, 256, 128, 10), (1024, 4096, 4096, 1024)
    flops = 6e-9 * 256 * sum(a * b for a, b in zip(large, large[1:]))

    def row(name, unit, work, *how):
        return Row(name, unit, work, lambda: trainer(*how))

    yield row("logreg_p8_b32_sgd", "steps/s", 1, (8, 1), 32, 16, None, "logits", "sgd")
    for batch, optimizer in ((128, "sgd"), (128, "adam"), (64, "adam")):
        yield row(f"mlp_784_256_128_10_b{batch}_{optimizer}", "samples/s", batch, mnist, batch, 16, relu,
                  "classes", optimizer)
    yield row("mlp_784_500_10_b500_adamw", "samples/s", 500, (784, 500, 10), 500, 16, relu, "classes",
              "adamw")
    for optimizer in ("sgd", "adam"):
        yield row("mlp_large_b256_" + optimizer, "GFLOP/s", flops, large, 256, 2, relu, "mse", optimizer)
    yield row("mlp_64_64_64_1_b64_tanh_adam", "steps/s", 1, (64, 64, 64, 1), 64, 16, tanh, "mse", "adam")
    yield Row("pinn_uxx_2_64x3_1_b1024_sgd", "steps/s", 1, heat_equation)
    yield Row("hvp_2_64x3_1_b1024", "hvp/s", 1, hessian_vector)


def optimizer_rows():
    def ready(kind, dtype):
        p = torch.nn.Parameter(torch.randn(10_000_000, dtype=dtype))
        p.grad = torch.randn(10_000_000, dtype=dtype) * 1e-3
        return OPTIMIZERS[kind]([p]).step

    kinds = {"adam": 7, "adamw": 7, "sgdm": 5}
    others = {"adamax": 7, "nadam": 7, "radam": 7, "adagrad": 5, "adadelta": 7, "rmsprop": 5, "rprop": 7, "asgd": 5}
    for suffix, dtype, size, streams in (("", torch.float32, 4, {**kinds, **others}), ("_f64", torch.float64, 8, kinds)):
        for kind, n in streams.items():
            yield Row(f"opt_{kind}_10M{suffix}", "GB/s", n * size * 1e-9 * 1e7,
                      lambda k=kind, t=dtype: ready(k, t))


def loading_rows():
    from torch.utils.data import DataLoader, TensorDataset

    def epoch(batch, workers):
        data = TensorDataset(torch.rand(60000, 784), torch.randint(0, 10, (60000,)))
        loader = DataLoader(data, batch, shuffle=True, num_workers=workers, persistent_workers=workers > 0)

        def call():
            for _ in loader:
                pass
        return call

    for batch, workers in ((64, 0), (128, 0), (128, 2)):
        name = f"loader_60k_784_b{batch}" + (f"_workers{workers}" if workers else "")
        yield Row(name, "samples/s", 60000, lambda b=batch, w=workers: epoch(b, w))


def file_rows():
    """NumPy's files by NumPy, .pt by PyTorch, safetensors beside PyTorch's own format, tables by pandas, or NumPy."""
    import numpy
    folder = tempfile.mkdtemp(dir="/dev/shm" if os.access("/dev/shm", os.W_OK) else None)
    atexit.register(shutil.rmtree, folder)
    path = os.path.join(folder, "x.")

    def pair(make, write, read):
        def writing():
            x = make()
            return lambda: write(x)

        def reading():
            write(make())
            return read
        return reading, writing

    def tensor():
        return torch.randn(4096, 4096)

    def array():
        return tensor().numpy()

    def table():
        return numpy.random.randn(200_000, 10)

    def read_npz():
        with numpy.load(path + "npz") as f:
            return f["x"]

    def table_by_pandas():
        import pandas
        return pair(lambda: pandas.DataFrame(table()), lambda x: x.to_csv(path + "csv", header=False, index=False),
                    lambda: pandas.read_csv(path + "csv", header=None))

    def table_by_numpy():
        return pair(table, lambda x: numpy.savetxt(path + "csv", x, delimiter=","), lambda: numpy.loadtxt(path + "csv", delimiter=","))

    pt = pair(tensor, lambda x: torch.save({"x": x}, path + "pt"), lambda: torch.load(path + "pt"))
    tables = table_by_pandas if importlib.util.find_spec("pandas") else table_by_numpy
    for name, work, (reading, writing) in (
            ("npy", 4e-6 * 4096 * 4096, pair(array, lambda x: numpy.save(path + "npy", x), lambda: numpy.load(path + "npy"))),
            ("npz", 4e-6 * 4096 * 4096, pair(array, lambda x: numpy.savez(path + "npz", x=x), read_npz)),
            ("safetensors", 4e-6 * 4096 * 4096, pt), ("pt", 4e-6 * 4096 * 4096, pt),
            ("csv", 19e-6 * 2e6, tables())):
        yield Row(name + "_read", "MB/s", work, reading)
        yield Row(name + "_write", "MB/s", work, writing)


def linalg_rows():
    L = torch.linalg

    def inputs(what, dtype, n, count):
        lead = () if count == 1 else (count,)
        a, eye = torch.randn(*lead, n, n, dtype=dtype), torch.eye(n, dtype=dtype)
        b = torch.randn(*lead, n, 1, dtype=dtype)
        if what in ("cholesky", "eigh"):
            return [a @ a.mT / n + eye]
        if what in ("qr", "svd"):
            return [a]
        if what == "lstsq":
            return [a, b]
        a = a / n ** 0.5 + 2 * eye
        return [a, b] if what in ("solve", "solve_triangular") else [a]

    calls = {
        "cholesky": lambda a: [L.cholesky(a)],
        "lu_factor": lambda a: [L.lu_factor(a)[0]],
        "solve": lambda a, b: [L.solve(a, b)],
        "solve_triangular": lambda a, b: [L.solve_triangular(a, b, upper=False)],
        "inv": lambda a: [L.inv(a)],
        "det": lambda a: [L.det(a)],
        "qr": lambda a: L.qr(a),
        "eigh": lambda a: L.eigh(a),
        "svd": lambda a: L.svd(a, full_matrices=False),
        "lstsq": lambda a, b: [L.lstsq(a, b)[0]],
    }

    def forward(what, f, *how):
        made = inputs(what, *how)
        return lambda: f(*made)

    def both(what, f, *how):
        made = [x.requires_grad_(True) for x in inputs(what, *how)]
        return lambda: torch.autograd.grad(sum(y.sum() for y in f(*made)), made)

    def rows(what, dtype, n, count):
        name = f"la_{what}{n}" if count == 1 else f"la_{what}_{count}x{n}"
        bits = "f64" if dtype == torch.float64 else "f32"
        for suffix, how in (("fwd", forward), ("fwdbwd", both)):
            yield Row(f"{name}_{bits}_{suffix}", "ms" if count == 1 else "us", 1e3 if count == 1 else 1e6,
                      lambda h=how: h(what, calls[what], dtype, n, count), less=True)

    for what in calls:
        for n in (8, 32, 128, 512, 2048):
            yield from rows(what, torch.float64, n, 1)
        for n in (4, 8, 16):
            for dtype in (torch.float64, torch.float32):
                if what != "lstsq":
                    yield from rows(what, dtype, n, 1000)


def scaling_rows():
    def row(name, width, batch):
        return Row(name, "us", 1e6, lambda: trainer((width, width, width, 10), batch, 2, torch.nn.ReLU, "classes",
                                                    "adam"), less=True)

    for width in (16, 32, 64, 128, 256, 512, 1024):
        yield row(f"scale_width_{width}", width, 64)
    for batch in (1, 4, 16, 64, 256, 1024):
        yield row(f"scale_batch_{batch}", 256, batch)


def all_rows():
    for part in (product_rows, operator_rows, elementwise_rows, convolution_rows, network_rows, training_rows, optimizer_rows,
                 loading_rows, file_rows, linalg_rows, scaling_rows, recurrent_rows):
        yield from part()


# ---- what runs them

def blas_name():
    """The kernel set of the OpenBLAS that is loaded, if it is one."""
    with open("/proc/self/maps") as maps:
        paths = sorted({line.split()[-1] for line in maps if re.search(r"/lib(open)?blas\S*\.so", line)})
    for path in paths:
        try:
            lib = ctypes.CDLL(path)
            lib.openblas_get_corename.restype = lib.openblas_get_config.restype = ctypes.c_char_p
            parallel = {0: "sequential", 1: "pthreads", 2: "openmp"}.get(lib.openblas_get_parallel(), "?")
            version = " ".join(lib.openblas_get_config().decode().split()[:2])
            return f"{version}, {parallel}, {lib.openblas_get_corename().decode()}"
        except (OSError, AttributeError):
            pass
    return ", ".join(os.path.basename(p) for p in paths) or "unknown"


def run(row, budget):
    torch.manual_seed(0)
    samples, repeat, foreign = measure(row.make(), budget)
    best, median = min(samples), statistics.median(samples)
    emit(name=row.name, unit=row.unit, min=float(f"{row.figure(best):.5g}"),
         median=float(f"{row.figure(median):.5g}"), n=len(samples) * repeat, less_is_better=row.less,
         t_min_us=round(best * 1e6, 3), t_med_us=round(median * 1e6, 3), foreign=round(foreign, 3))


def memory(row):
    at_import = peak_mib()
    torch.manual_seed(0)
    call = row.make()
    for _ in range(5):
        call()
    peak = round(peak_mib(), 1)
    emit(name="rss_" + row.name, unit="MiB", min=peak, median=peak, n=1, less_is_better=True,
         after_import=round(at_import, 1))


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("names", nargs="*")
    parser.add_argument("--list", action="store_true")
    parser.add_argument("--threads", type=int, default=0)
    parser.add_argument("--budget", type=float, default=0.6)
    parser.add_argument("--cpu", action="store_true")
    parser.add_argument("--rss")
    parser.add_argument("--startup", action="store_true")
    options = parser.parse_args()
    if options.startup:
        return startup()
    global torch, CPU_TIME
    CPU_TIME = options.cpu
    import torch
    if options.threads:
        torch.set_num_threads(options.threads)
    rows = [r for r in all_rows()
            if not options.names or any(fnmatch.fnmatchcase(r.name, p) for p in options.names)]
    if options.list:
        print("\n".join(r.name for r in rows))
        return 0
    if options.rss:
        memory(next(r for r in all_rows() if r.name == options.rss))
        return 0
    emit(header=True, torch=torch.__version__, threads=torch.get_num_threads(), blas=blas_name())
    for row in rows:
        try:
            run(row, options.budget)
        except Exception as error:  # one row that fails is no reason to lose the others
            emit(name=row.name, unit=row.unit, error=str(error).splitlines()[0][:200])
    return 0


if __name__ == "__main__":
    sys.exit(main())
