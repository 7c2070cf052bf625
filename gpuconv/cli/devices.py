"""The device a command runs on, and how it shares the machine."""

import os

from ..core.device import device, use_device
from .errors import UsageError


def chosen_device(option: str | None) -> use_device:
    """Choose the device of --device, else of GPUCONV_DEVICE, else the best available.

    Raises
    ------
    DeviceError
        If the device is missing.
    UsageError
        If GPUCONV_DEVICE names no device.
    """
    try:
        return use_device(option or device())
    except ValueError as error:
        raise UsageError(str(error)) from error


def wait_asleep() -> None:
    """Let idle threads sleep instead of spin, unless OMP_WAIT_POLICY says otherwise.

    A spinning thread takes the processor from the thread it waits for as soon as the machine has other work: training
    on the digits took 11 to 37 s with spinning threads, 6 to 10 s with sleeping ones (AMD EPYC, 2 cores, both busy,
    2026-11). The OpenMP
    library reads the variable when the first kernel loads it.
    """
    os.environ.setdefault("OMP_WAIT_POLICY", "passive")
