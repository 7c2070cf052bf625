"""Where a command runs, and how it shares the machine."""

import os

from ..core.device import device, use_device
from .errors import UsageError


def chosen_device(option: str | None) -> use_device:
    """The device of --device; without it that of GPUCONV_DEVICE, else the best there is.

    Raises
    ------
    DeviceError
        If it is not there.
    UsageError
        If GPUCONV_DEVICE names none.
    """
    try:
        return use_device(option or device())
    except ValueError as error:
        raise UsageError(str(error)) from error


def wait_asleep() -> None:
    """Let threads that wait for work sleep, not spin, unless OMP_WAIT_POLICY says otherwise.

    A spinning thread takes its processor from the one it waits for as soon as the machine has anything else to do:
    training on the digits took 11 to 37 s so, 6 to 10 s this way (AMD EPYC, 2 cores, both busy, 2026-11). The OpenMP
    library reads the variable when the first kernel loads it.
    """
    os.environ.setdefault("OMP_WAIT_POLICY", "passive")
