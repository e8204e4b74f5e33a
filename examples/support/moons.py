# Trains a small network on two moons with PyTorch, and saves what examples/pytorch_weights.c begins with: model and optimizer,
# as training scripts save them, some points, and what the network says of them.
#
#     python3 examples/support/moons.py test/data/moons.pt
import math, sys, torch

torch.manual_seed(0)


def moons(n):
    angle, side, noise = math.pi * torch.rand(n), torch.arange(n) % 2, 0.12 * torch.randn(n, 2)
    x = torch.stack([torch.cos(angle), torch.sin(angle)], 1)
    return torch.where(side[:, None] == 0, x, torch.tensor([1, 0.5]) - x) + noise, side


net = torch.nn.Sequential(torch.nn.Linear(2, 24), torch.nn.Tanh(), torch.nn.Linear(24, 24), torch.nn.Tanh(), torch.nn.Linear(24, 2))
opt = torch.optim.Adam(net.parameters(), lr=0.01)
for step in range(400):
    x, y = moons(128)
    opt.zero_grad()
    torch.nn.functional.cross_entropy(net(x), y).backward()
    opt.step()
x, y = moons(200)
with torch.no_grad():
    says = net(x)
print("accuracy %.3f" % (says.argmax(1) == y).float().mean())
torch.save({"model": net.state_dict(), "optimizer": opt.state_dict(), "epoch": 400, "x": x, "y": y, "says": says}, sys.argv[1])
