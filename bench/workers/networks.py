"""Networks of the training suite: each is written once and built of gpuconv's layers or of PyTorch's.

`nn` is a namespace of layers.py, whose layers have the same names and arguments in both libraries, so both networks
have the same keys in their states.
"""

from .layers import gpuconv_layers, torch_layers


def lenet5(nn, classes):
    """LeNet-5 for images of 1x28x28 (LeCun et al., 1998)."""
    return nn.Sequential(
        *(nn.Conv2d(1, 6, 5, padding=2), nn.ReLU(), nn.MaxPool2d(2)),
        *(nn.Conv2d(6, 16, 5), nn.ReLU(), nn.MaxPool2d(2), nn.Flatten()),
        *(nn.Linear(400, 120), nn.ReLU(), nn.Linear(120, 84), nn.ReLU(), nn.Linear(84, classes)),
    )


def resnet8(nn, classes):
    """A ResNet of three basic blocks for images of 3x32x32 (He et al., 2016)."""
    layers, c = [*_conv_norm(nn, 3, 16, 3), nn.ReLU()], 16
    for k, stride in ((16, 1), (32, 2), (64, 2)):
        body = nn.Sequential(*_conv_norm(nn, c, k, 3, stride), nn.ReLU(), *_conv_norm(nn, k, k, 3))
        layers += [nn.Residual(body, None if c == k else nn.Sequential(*_conv_norm(nn, c, k, 1, stride))), nn.ReLU()]
        c = k
    return nn.Sequential(*layers, nn.AvgPool2d(8), nn.Flatten(), nn.Linear(c, classes))


def vgg_small(nn, classes):
    """Six 3x3 convolutions in three stages for images of 3x32x32 (Simonyan and Zisserman, 2015)."""
    layers, c = [], 3
    for k in (64, 128, 256):
        layers += [*_conv_norm(nn, c, k, 3), nn.ReLU(), *_conv_norm(nn, k, k, 3), nn.ReLU(), nn.MaxPool2d(2)]
        c = k
    return nn.Sequential(*layers, nn.Flatten(), nn.Linear(c * 16, 256), nn.ReLU(), nn.Linear(256, classes))


MOBILENET_STAGES = (
    (1, 16, 1, 1), (6, 24, 2, 1), (6, 32, 3, 2), (6, 64, 4, 2), (6, 96, 3, 1), (6, 160, 3, 2), (6, 320, 1, 1),
)  # fmt: skip
"""Factor of expansion, channels, blocks, stride of the first; for 32x32 the first two strides of 2 are 1."""


def mobilenet_v2(nn, classes):
    """MobileNetV2 for images of 3x32x32 (Sandler et al., 2018)."""
    layers, c = [*_conv_norm(nn, 3, 32, 3), nn.ReLU6()], 32
    for factor, k, blocks, first in MOBILENET_STAGES:
        for stride in (first, *[1] * (blocks - 1)):
            layers.append(_inverted_residual(nn, c, k, factor, stride))
            c = k
    head = *_conv_norm(nn, c, 1280, 1), nn.ReLU6(), nn.AvgPool2d(4), nn.Flatten(), nn.Linear(1280, classes)
    return nn.Sequential(*layers, *head)


def _inverted_residual(nn, c, k, factor, stride):
    """Expansion, a depthwise convolution, projection; added to x where the shape stays."""
    wide = c * factor
    expansion = [*_conv_norm(nn, c, wide, 1), nn.ReLU6()] if factor > 1 else []
    depthwise = [*_conv_norm(nn, wide, wide, 3, stride, groups=wide), nn.ReLU6()]
    body = nn.Sequential(*expansion, *depthwise, *_conv_norm(nn, wide, k, 1))
    return nn.Residual(body) if c == k and stride == 1 else body


def unet(nn, classes, width=32, depth=3):
    """A U-Net with padding and batch normalization: a class a pixel of a 3-channel image (Ronneberger et al., 2015)."""
    return nn.Sequential(_unet_level(nn, 3, width, depth), nn.Conv2d(width, classes, 1))


def _unet_level(nn, c, k, depth):
    """Two convolutions, the levels below at half the size beside their result, two convolutions of both."""
    if depth == 0:
        return _two_convolutions(nn, c, k)
    up = nn.ConvTranspose2d(2 * k, k, 2, stride=2)
    below = nn.Beside(nn.Sequential(nn.MaxPool2d(2), _unet_level(nn, k, 2 * k, depth - 1), up))
    return nn.Sequential(_two_convolutions(nn, c, k), below, _two_convolutions(nn, 2 * k, k))


def _two_convolutions(nn, c, k):
    return nn.Sequential(*_conv_norm(nn, c, k, 3), nn.ReLU(), *_conv_norm(nn, k, k, 3), nn.ReLU())


def dense_block(nn, classes, growth=12, layers=8):
    """The first block of a DenseNet-BC for images of 3x32x32, with a classifier (Huang et al., 2017)."""
    c = 2 * growth
    blocks = [nn.Conv2d(3, c, 3, padding=1, bias=False)]
    for _ in range(layers):
        body = nn.Sequential(
            *(nn.BatchNorm2d(c), nn.ReLU(), nn.Conv2d(c, 4 * growth, 1, bias=False)),
            *(nn.BatchNorm2d(4 * growth), nn.ReLU(), nn.Conv2d(4 * growth, growth, 3, padding=1, bias=False)),
        )
        blocks.append(nn.Beside(body))
        c += growth
    head = nn.BatchNorm2d(c), nn.ReLU(), nn.AvgPool2d(32), nn.Flatten(), nn.Linear(c, classes)
    return nn.Sequential(*blocks, *head)


def _conv_norm(nn, c, k, size, stride=1, groups=1):
    """A convolution and its normalization."""
    return nn.Conv2d(c, k, size, stride=stride, padding=size // 2, groups=groups, bias=False), nn.BatchNorm2d(k)


NETWORKS = {
    "LeNet-5": lenet5,
    "ResNet-8": resnet8,
    "VGG-small": vgg_small,
    "MobileNetV2": mobilenet_v2,
    "U-Net": unet,
    "DenseNet block": dense_block,
}


def gpuconv_network(name, classes, seed=None, dtype="float32"):
    """A network of gpuconv's layers, in a dtype."""
    return NETWORKS[name](gpuconv_layers(seed, dtype), classes)


def torch_network(name, classes):
    """A network of PyTorch's layers."""
    return NETWORKS[name](torch_layers(), classes)
