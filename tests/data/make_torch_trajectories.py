"""What PyTorch's optimisers and schedules do in 50 steps: writes torch_trajectories.json beside this file.

Run where PyTorch is installed, from the repository's root: python -m tests.data.make_torch_trajectories
"""

import json
from pathlib import Path

import torch

from tests.optimizer_cases import OPTIMIZERS, name_of

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
        rows.append(w.detach().tolist())
    return rows


def main():
    """Write the table."""
    table = {
        "torch": torch.__version__,
        "start": START,
        "trajectories": {name_of(case): trajectory(*case) for case in OPTIMIZERS},
    }
    text = json.dumps(table).replace("]], ", "]],\n").replace("}, ", "},\n")
    Path(__file__).with_name("torch_trajectories.json").write_text(text + "\n")


if __name__ == "__main__":
    main()
