"""What PyTorch's optimizers and schedules do in 50 steps: writes torch_trajectories.json beside this file.

Run where PyTorch is installed, from the repository's root: python -m tests.optim.data.make_torch_trajectories
"""

import json
from pathlib import Path

import torch

from tests.optim.cases import METRICS, OPTIMIZERS, PLATEAUS, SCHEDULES, name_of

STEPS = 50
START = [1.0, -0.5, 0.03]


def gradient(w, step):
    """Of a bowl that shakes from step to step; sizes differ from weight to weight."""
    scale = torch.tensor([1.0, 3.0, 0.01], dtype=torch.float64)
    return scale * (w + torch.cos(1.7 * step + torch.arange(3.0, dtype=torch.float64)) / 2)


def trajectory(name, options):
    """The weights after each step."""
    w = torch.tensor(START, dtype=torch.float64, requires_grad=True)
    optimizer = getattr(torch.optim, name)([w], **{"lr": 1e-3, **options} if name == "SGD" else options)
    rows = []
    for step in range(STEPS):
        w.grad = gradient(w.detach(), step)
        optimizer.step()
        rows.append([float(f"{value:.8g}") for value in w.detach().tolist()])
    return rows


def rates(name, options):
    """Learning rate and momentum in each step."""
    optimizer = torch.optim.SGD([torch.zeros(1)], lr=0.5, momentum=0.3)
    module = torch.optim.lr_scheduler
    if name == "SequentialLR":
        warm_up, decay, last = (getattr(module, name)(optimizer, **kw) for name, kw in options["schedules"])
        schedule = module.SequentialLR(optimizer, [warm_up, decay, last], options["milestones"])
    else:
        schedule = getattr(module, name)(optimizer, **options)
    rows = []
    for _ in range(STEPS):
        rows.append([optimizer.param_groups[0]["lr"], optimizer.param_groups[0]["momentum"]])
        optimizer.step()
        if len(rows) < STEPS:
            schedule.step()
    return rows


def falls(name, options):
    """Learning rate after each metric."""
    optimizer = torch.optim.SGD([torch.zeros(1)], lr=0.5)
    schedule, rows = getattr(torch.optim.lr_scheduler, name)(optimizer, **options), []
    for metric in METRICS:
        schedule.step(metric)
        rows.append(optimizer.param_groups[0]["lr"])
    return rows


def main():
    """Write the table."""
    table = {
        "torch": torch.__version__,
        "start": START,
        "trajectories": {name_of(case): trajectory(*case) for case in OPTIMIZERS},
        "rates": {name_of(case): rates(*case) for case in SCHEDULES},
        "falls": {name_of(case): falls(*case) for case in PLATEAUS},
    }
    text = json.dumps(table).replace("]], ", "]],\n").replace("}, ", "},\n")
    Path(__file__).with_name("torch_trajectories.json").write_text(text + "\n")


if __name__ == "__main__":
    main()
