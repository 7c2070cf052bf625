"""The oracle: every operation in float64, in plain NumPy loops over output positions.

It shares no code with the kernels or with gpuconv.core.shapes, and no idea either: where a kernel gathers, a gradient
here scatters, straight from the definition of the forward pass. Padding is ((top, bottom), (left, right)).
"""

from .activation import *
from .conv import *
from .conv_nd import *
from .dropout import *
from .linear import *
from .loss import *
from .normalization import *
from .optimizers import *
from .pooling import *
from .pooling_nd import *
from .resampling import *
