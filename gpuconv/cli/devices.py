"""Where a command runs."""

from ..backend import device, use_device
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
