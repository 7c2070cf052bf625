"""A PyTorch process that answers requests for a function's result and gradients.

Run by its path, in any environment that has PyTorch: it imports numpy and torch, nothing else.
Requests and answers are npz archives, each preceded by its length in eight bytes.
"""

import io
import json
import sys
from typing import Any

import numpy as np


def receive() -> Any:
    """The next request, or None at the end."""
    head = sys.stdin.buffer.read(8)
    if len(head) < 8:
        return None
    return np.load(io.BytesIO(sys.stdin.buffer.read(int.from_bytes(head, "little"))), allow_pickle=False)


def send(arrays: dict[str, Any]) -> None:
    """One answer."""
    body = io.BytesIO()
    np.savez(body, **arrays)
    sys.stdout.buffer.write(len(body.getbuffer()).to_bytes(8, "little") + body.getbuffer())
    sys.stdout.buffer.flush()


def answer(torch: Any, request: Any) -> dict[str, Any]:
    """Result and gradients of one call, or what it refused."""
    call = json.loads(str(request["call"]))
    inputs = [torch.from_numpy(request[f"input{i}"]) if present else None for i, present in enumerate(call["present"])]
    wanted = [inputs[i].requires_grad_() for i in call["differentiated"]]
    named = {name: torch.from_numpy(request[f"named_{name}"]) for name in call["named"]}
    wanted += [named[name].requires_grad_() for name in call["named_differentiated"]]
    function = getattr(torch.nn.functional, call["function"], None) or getattr(torch, call["function"])
    first = torch.nn.functional.pad(inputs[0], call["zero_padding"]) if call["zero_padding"] else inputs[0]
    try:
        arguments = [inputs] if call["as_list"] else [first, *inputs[1:]]
        y = function(*arguments, **named, **call["options"])
        gradients = torch.autograd.grad(y, wanted, torch.from_numpy(request["dy"]))
    except (RuntimeError, ValueError) as error:
        return {"refused": np.array(str(error))}
    updated = {f"updated{i}": inputs[position].numpy() for i, position in enumerate(call["updated"])}
    return {"y": y.detach().numpy(), **{f"gradient{i}": g.numpy() for i, g in enumerate(gradients)}, **updated}


def main() -> None:
    """Answer until the requests end."""
    import torch

    torch.set_num_threads(1)
    send({"version": np.array(torch.__version__)})
    while (request := receive()) is not None:
        send(answer(torch, request))


if __name__ == "__main__":
    main()
