"""PyTorch's side of bench/operators: answers the lines that tapir-sweep answers, from the same rows.

usage: operators_torch.py ROWS    ROWS: a file of what tapir-sweep --list prints
"""
import json
import math
import sys
import time

import torch
import torch.nn.functional as F

torch.set_num_threads(1)
DTYPES = {"f32": torch.float32, "f64": torch.float64}


def sizes_of(n):
    """sweep_sizes_of of bench/sweep/inputs.c."""
    r = max(d for d in range(1, math.isqrt(n) + 1) if n % d == 0)
    return {"n": n, "r": r, "c": n // r, "s": math.isqrt(n), "e": max(1, n // 8), "h": max(1, n // 16),
            "q": max(1, math.isqrt(n // 8)), "k": max(1, n // 1024), "t": max(1, n // 64), "g": max(1, n // 3),
            "a": int(n ** 0.25 + 1e-9), "b": max(1, n // 50176)}


def size(text, z):
    return z[text[0]] if text[0] in z else int(text)


def make_input(kind, shape, dtype, z):
    letter = kind[:1]
    if letter in ("u", "U"):
        return torch.rand(shape, dtype=dtype) * 0.8 + 0.1
    if letter in ("p", "P"):
        return torch.rand(shape, dtype=dtype) * 2 + 0.5
    if letter == "o":
        return torch.rand(shape, dtype=dtype) + 1.1
    if letter == "b":
        return torch.rand(shape, dtype=dtype) < 0.5
    if letter == "i":
        return torch.randint(0, size(kind[1:], z), shape)
    if letter == "I":
        return torch.randperm(shape[0])
    if letter == "J":
        return (torch.arange(shape[0])[:, None] + torch.arange(shape[1])) % shape[0]
    if letter == "A":
        return torch.linspace(-3, 3, shape[0], dtype=dtype)
    x = torch.randn(shape, dtype=dtype)
    one = torch.eye(shape[-1], dtype=dtype) if letter in ("S", "L") else None
    if letter == "S":
        return x @ x.mT / shape[-1] + one
    return torch.tril(x) / shape[-1] + one if letter == "L" else x


def make_inputs(spec, dtype, z):
    torch.manual_seed(0)
    inputs = []
    for item in spec.split():
        kind, _, shape = item.rpartition(":")
        x = make_input(kind, [size(d, z) for d in shape.split(",")], dtype, z)
        inputs.append(x.requires_grad_(x.is_floating_point() and kind[:1] not in ("N", "U", "P", "A")))
    return inputs


def least(run, budget):
    """As in sweep.c."""
    def sample(calls):
        start = time.process_time()
        for _ in range(calls):
            run()
        return (time.process_time() - start) / calls

    run()
    best = spent = once = sample(1)
    calls = max(1, int(2e-4 / max(once, 1e-8)))
    while spent < budget:
        t = sample(calls)
        spent += t * calls
        best = min(best, t)
    return best


def checksum(tensors):
    return float(sum(t.detach().to(torch.float64).abs().nansum() for t in tensors if t is not None))


class Row:
    def __init__(self, row, dtype, n):
        z = sizes_of(n)
        self.key = (row["name"], dtype, n)
        self.inputs = make_inputs(row["inputs"], DTYPES[dtype], z)
        names = ["x", "y", "v", "w"][:len(self.inputs)]
        call = eval(f"lambda {', '.join(names)}: {row['torch']}", {"torch": torch, "F": F, "math": math, **z})
        self.call = lambda: call(*self.inputs)
        self.leaves = [x for x in self.inputs if x.requires_grad]

    def forward(self, budget):
        with torch.no_grad():
            return least(self.call, budget), checksum([self.call()])

    def backward(self, budget):
        out = self.call()
        if not out.requires_grad:
            return None
        torch.manual_seed(1)
        cotangent = torch.rand(out.shape, dtype=out.dtype)  # row-major, whatever out is

        def run():
            return torch.autograd.grad(out, self.leaves, cotangent, retain_graph=True)

        return least(run, budget), checksum(run())


def main():
    with open(sys.argv[1]) as f:
        rows = {row["name"]: row for row in map(json.loads, f)}
    row = None
    print(torch.__version__, flush=True)
    for line in sys.stdin:
        name, dtype, n, which, budget = line.split()
        try:
            if row is None or row.key != (name, dtype, int(n)):
                row = Row(rows[name], dtype, int(n))
            result = (row.backward if which == "bwd" else row.forward)(float(budget))
            print("none" if result is None else "%.9g %.17g" % result, flush=True)
        except Exception as error:  # what PyTorch does not do is said and passed over
            print("error", str(error).splitlines()[0], flush=True)


if __name__ == "__main__":
    main()
