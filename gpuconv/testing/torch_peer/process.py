"""The client of `torch_process`: starts the process and sends it requests."""

import io
import json
import subprocess
import sys
from pathlib import Path
from types import TracebackType
from typing import Any

import numpy as np

from ...core.device import Array
from .case import Case


class PeerError(RuntimeError):
    """The peer could not be started, or refused a case that gpuconv computes."""


class TorchProcess:
    """A separate PyTorch process, which serves a whole comparison.

    Parameters
    ----------
    python : str, optional
        Interpreter that has torch; default: this one.

    Raises
    ------
    PeerError
        If it cannot import torch.
    """

    def __init__(self, python: str | None = None) -> None:
        command = [python or sys.executable, str(Path(__file__).with_name("torch_process.py"))]
        try:
            self._process = subprocess.Popen(
                command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL
            )
        except OSError as error:
            raise PeerError(f"{command[0]} cannot be started: {error}") from error
        try:
            self.version = str(self._receive()["version"])
        except PeerError as error:
            self.close()
            raise PeerError(f"{command[0]} cannot import torch; --peer-python names an interpreter that can") from error

    def __call__(self, case: Case, dy: Array) -> tuple[Array, ...]:
        """Result, gradients and updated arrays of a case; PeerError if PyTorch refuses it."""
        call = {
            "function": case.function,
            "present": [a is not None for a in case.inputs],
            "differentiated": case.differentiated,
            "options": case.options,
            "named": list(case.named or {}),
            "named_differentiated": case.named_differentiated,
            "zero_padding": case.zero_padding,
            "as_list": case.as_list,
            "updated": case.updated,
        }
        arrays: dict[str, Any] = {f"input{i}": a for i, a in enumerate(case.inputs) if a is not None}
        arrays.update({f"named_{name}": a for name, a in (case.named or {}).items()})
        arrays["dy"] = dy
        body = io.BytesIO()
        np.savez(body, call=np.array(json.dumps(call)), **arrays)
        stdin = self._process.stdin
        assert stdin is not None
        stdin.write(len(body.getbuffer()).to_bytes(8, "little") + body.getbuffer())
        stdin.flush()
        answer = self._receive()
        if "refused" in answer:
            raise PeerError(str(answer["refused"]))
        gradients = len(case.differentiated) + len(case.named_differentiated)
        names = [*(f"gradient{i}" for i in range(gradients)), *(f"updated{i}" for i in range(len(case.updated)))]
        return (answer["y"], *(answer[name] for name in names))

    def _receive(self) -> Any:
        stdout = self._process.stdout
        assert stdout is not None
        head = stdout.read(8)
        if len(head) < 8:
            raise PeerError("the peer's process ended")
        return np.load(io.BytesIO(stdout.read(int.from_bytes(head, "little"))), allow_pickle=False)

    def close(self) -> None:
        """End the process."""
        for pipe in (self._process.stdin, self._process.stdout):
            assert pipe is not None
            pipe.close()
        self._process.wait()

    def __enter__(self) -> "TorchProcess":
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()
