# examples/pytorch_weights.c writes what PyTorch reads: the model says there what it said here, and Adam goes on.
#
#     python3 test/interop/weights.py build
#
# needs: torch
import inspect, os, subprocess, sys, tempfile, torch

with tempfile.TemporaryDirectory() as folder:
    path = os.path.join(folder, "tuned.pt")
    subprocess.run([sys.argv[1] + "/examples/pytorch_weights", "test/data/moons.pt", path], check=True, stdout=subprocess.DEVNULL)
    kinds = [{"weights_only": True}, {"weights_only": False}] if "weights_only" in inspect.signature(torch.load).parameters else [{}]
    for kind in kinds:
        try:
            # 1.13's weights_only reads no numbers, not those of its own files either
            torch.load("test/data/moons.pt", **kind)
        except Exception:
            continue
        c = torch.load(path, **kind)
        net = torch.nn.Sequential(torch.nn.Linear(2, 24), torch.nn.Tanh(), torch.nn.Linear(24, 24), torch.nn.Tanh(), torch.nn.Linear(24, 2))
        net.load_state_dict(c["model"])
        opt = torch.optim.Adam(net.parameters())
        opt.load_state_dict(c["optimizer"])
        assert c["epoch"] == 460 and torch.allclose(net(c["x"]), c["says"], atol=1e-5), c["epoch"]
        steps = opt.state_dict()["state"][0]["step"]
        assert steps == 400 + 60 * 4 and opt.param_groups[0]["lr"] == 0.01, steps
        net(c["x"]).sum().backward()
        opt.step()
        print("torch %s, %s" % (torch.__version__, kind))
