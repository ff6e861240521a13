"""Plain PyTorch definitions of the networks by name, from the papers and with torchvision's
names of tensors. NETWORKS[NAME](shape, classes) is the module; shape is (C, H, W).

As in lockstep, networks made for 224x224 have a first layer of their own for images of up to
64 pixels: without stride, and resnets without the pool behind it.
"""

from functools import partial

from torch import nn
from torch.nn import functional as F

from graph import DropPath, SameConv2d


def stride_of_first(shape):
    return 2 if max(shape[1:]) > 64 else 1


def conv_norm(inputs, outputs, kernel=1, stride=1, act=nn.ReLU, groups=1, norm=nn.BatchNorm2d):
    """Convolution, norm, activation; act=None: without one."""
    pad = kernel // 2
    conv = nn.Conv2d(inputs, outputs, kernel, stride, pad, groups=groups, bias=False)
    return nn.Sequential(conv, norm(outputs), *([act()] if act else []))


class Classifier(nn.Module):
    """Features, the mean of all pixels, and a classifier."""

    def __init__(self, features, *classifier):
        super().__init__()
        self.features = nn.Sequential(*features)
        self.classifier = nn.Sequential(*classifier)

    def forward(self, x):
        return self.classifier(self.features(x).mean((2, 3)))


# --- letters, and LeNet-5 (Y. LeCun et al., 1998) with relu and maxpool ---


class Letters(nn.Module):
    def __init__(self, shape, classes):
        super().__init__()
        size = shape[1]
        for i, (inputs, outputs) in enumerate(zip((shape[0], 32, 64), (32, 64, 128)), 1):
            self.add_module(f"conv{i}", nn.Conv2d(inputs, outputs, 3))
            size = (size - 2) // 2
        self.pool, self.gelu = nn.MaxPool2d(2), nn.GELU()
        self.linear1 = nn.Linear(128 * size**2, 512)
        self.linear2 = nn.Linear(512, 256)
        self.linear3 = nn.Linear(256, classes)

    def forward(self, x):
        for conv in self.conv1, self.conv2, self.conv3:
            x = self.gelu(self.pool(conv(x)))
        x = self.gelu(self.linear1(x.flatten(1)))
        return self.linear3(self.gelu(self.linear2(x)))


class LeNet5(nn.Module):
    def __init__(self, shape, classes):
        super().__init__()
        self.conv1 = nn.Conv2d(shape[0], 6, 5, padding=2)
        self.conv2 = nn.Conv2d(6, 16, 5)
        self.pool, self.relu = nn.MaxPool2d(2), nn.ReLU()
        self.fc1 = nn.Linear(16 * ((shape[1] // 2 - 4) // 2) ** 2, 120)
        self.fc2 = nn.Linear(120, 84)
        self.fc3 = nn.Linear(84, classes)

    def forward(self, x):
        x = self.pool(self.relu(self.conv1(x)))
        x = self.pool(self.relu(self.conv2(x)))
        x = self.relu(self.fc1(x.flatten(1)))
        return self.fc3(self.relu(self.fc2(x)))


# --- configs/vgg28.conf ---


def vgg28(shape, classes):
    layers, inputs = [], shape[0]
    table = (64, 3, 1), (64, 3, 1), (128, 3, 2), (128, 3, 1), (256, 3, 2), (256, 3, 1), (256, 1, 1)
    for outputs, kernel, stride in table:
        layers += nn.Conv2d(inputs, outputs, kernel, stride, kernel // 2), nn.ReLU()
        inputs = outputs
    return Classifier(layers, nn.Linear(inputs, classes))


# --- airbench94 (K. Jordan, 2024, arXiv 2404.00498), for images of 32x32 ---


def airbench_norm(channels, kind):
    norm = kind(channels, eps=1e-12, momentum=1 - 0.6)
    norm.weight.requires_grad = False
    return norm


class AirbenchGroup(nn.Module):
    def __init__(self, before, channels, pool, norm):
        super().__init__()
        self.pool = pool
        self.conv1 = nn.Conv2d(before, channels, 3, padding="same", bias=False)
        self.norm1 = airbench_norm(channels, norm)
        self.conv2 = nn.Conv2d(channels, channels, 3, padding="same", bias=False)
        self.norm2 = airbench_norm(channels, norm)

    def forward(self, x):
        x = F.gelu(self.norm1(self.pool(self.conv1(x), 2)))
        return F.gelu(self.norm2(self.conv2(x)))


class Airbench(nn.Module):
    def __init__(self, shape, classes, pool=F.max_pool2d, norm=nn.BatchNorm2d):
        super().__init__()
        self.pool = pool
        self.whiten = nn.Conv2d(shape[0], 24, 2)
        self.whiten.weight.requires_grad = False
        self.group1 = AirbenchGroup(24, 64, pool, norm)
        self.group2 = AirbenchGroup(64, 256, pool, norm)
        self.group3 = AirbenchGroup(256, 256, pool, norm)
        self.head = nn.Linear(256, classes, bias=False)

    def forward(self, x):
        x = F.gelu(self.whiten(x))
        x = self.group3(self.group2(self.group1(x)))
        return self.head(self.pool(x, 3).flatten(1)) / 9


# --- residual networks (K. He et al., CVPR 2016) ---


class Shortcut(nn.Module):
    """Option A: every second pixel, and channels of zeros before and behind."""

    def __init__(self, inputs, outputs, stride):
        super().__init__()
        self.stride, self.before = stride, (outputs - inputs) // 2
        self.behind = outputs - inputs - self.before

    def forward(self, x):
        x = x[:, :, :: self.stride, :: self.stride]
        return F.pad(x, (0, 0, 0, 0, self.before, self.behind))


class Basic(nn.Module):
    expansion = 1

    def __init__(self, inputs, channels, stride, padded=False):
        super().__init__()
        self.conv1 = nn.Conv2d(inputs, channels, 3, stride, 1, bias=False)
        self.bn1 = nn.BatchNorm2d(channels)
        self.conv2 = nn.Conv2d(channels, channels, 3, 1, 1, bias=False)
        self.bn2 = nn.BatchNorm2d(channels)
        self.relu, self.downsample = nn.ReLU(), nn.Identity()
        if stride > 1 or inputs != channels:
            project = Shortcut if padded else partial(conv_norm, kernel=1, act=None)
            self.downsample = project(inputs, channels, stride=stride)

    def forward(self, x):
        y = self.relu(self.bn1(self.conv1(x)))
        return self.relu(self.bn2(self.conv2(y)) + self.downsample(x))


class Bottleneck(nn.Module):
    expansion = 4

    def __init__(self, inputs, channels, stride):
        super().__init__()
        outputs = 4 * channels
        self.conv1 = nn.Conv2d(inputs, channels, 1, bias=False)
        self.bn1 = nn.BatchNorm2d(channels)
        self.conv2 = nn.Conv2d(channels, channels, 3, stride, 1, bias=False)
        self.bn2 = nn.BatchNorm2d(channels)
        self.conv3 = nn.Conv2d(channels, outputs, 1, bias=False)
        self.bn3 = nn.BatchNorm2d(outputs)
        self.relu, self.downsample = nn.ReLU(), nn.Identity()
        if stride > 1 or inputs != outputs:
            self.downsample = conv_norm(inputs, outputs, 1, stride, act=None)

    def forward(self, x):
        y = self.relu(self.bn1(self.conv1(x)))
        y = self.relu(self.bn2(self.conv2(y)))
        return self.relu(self.bn3(self.conv3(y)) + self.downsample(x))


class ResNet(nn.Module):
    """first: size of the first layer's kernel; 7 has stride 2 and a pool behind it."""

    def __init__(self, block, widths, depths, shape, classes, first):
        super().__init__()
        inputs = widths[0]
        self.conv1 = nn.Conv2d(shape[0], inputs, first, first // 3, first // 2, bias=False)
        self.bn1, self.relu = nn.BatchNorm2d(inputs), nn.ReLU()
        self.maxpool = nn.MaxPool2d(3, 2, 1) if first == 7 else nn.Identity()
        self.stages = len(depths)
        for stage, (width, depth) in enumerate(zip(widths, depths)):
            layer = nn.Sequential()
            for i in range(depth):
                stride = 2 if stage > 0 and i == 0 else 1
                layer.append(block(inputs, width, stride))
                inputs = width * block.func.expansion
            self.add_module(f"layer{stage + 1}", layer)
        self.fc = nn.Linear(inputs, classes)

    def forward(self, x):
        x = self.maxpool(self.relu(self.bn1(self.conv1(x))))
        for stage in range(self.stages):
            x = getattr(self, f"layer{stage + 1}")(x)
        return self.fc(x.mean((2, 3)))


def resnet_cifar(n, shape, classes):
    return ResNet(partial(Basic, padded=True), (16, 32, 64), (n, n, n), shape, classes, 3)


def resnet(block, depths, small, shape, classes):
    first = 3 if small or stride_of_first(shape) == 1 else 7
    return ResNet(partial(block), (64, 128, 256, 512), depths, shape, classes, first)


# --- VGG with norms (K. Simonyan and A. Zisserman, ICLR 2015) ---


class VGG(nn.Module):
    def __init__(self, stages, shape, classes):
        super().__init__()
        layers, inputs = [], shape[0]
        for depth, width in zip(stages, (64, 128, 256, 512, 512)):
            for _ in range(depth):
                layers += nn.Conv2d(inputs, width, 3, padding=1), nn.BatchNorm2d(width), nn.ReLU()
                inputs = width
            layers.append(nn.MaxPool2d(2))
        self.features = nn.Sequential(*layers)
        self.classifier = nn.Sequential(
            nn.Linear(512 * (shape[1] // 32) * (shape[2] // 32), 4096), nn.ReLU(), nn.Dropout(),
            nn.Linear(4096, 4096), nn.ReLU(), nn.Dropout(), nn.Linear(4096, classes),
        )

    def forward(self, x):
        return self.classifier(self.features(x).flatten(1))


# --- MobileNetV2 (M. Sandler et al., CVPR 2018) ---


class Inverted(nn.Module):
    def __init__(self, inputs, outputs, stride, expand):
        super().__init__()
        hidden, act = inputs * expand, nn.ReLU6
        self.conv = nn.Sequential(
            *([conv_norm(inputs, hidden, act=act)] if expand > 1 else []),
            conv_norm(hidden, hidden, 3, stride, act, groups=hidden),
            nn.Conv2d(hidden, outputs, 1, bias=False),
            nn.BatchNorm2d(outputs),
        )
        self.residual = stride == 1 and inputs == outputs

    def forward(self, x):
        return x + self.conv(x) if self.residual else self.conv(x)


def mobilenetv2(shape, classes):
    features, inputs = [conv_norm(shape[0], 32, 3, stride_of_first(shape), nn.ReLU6)], 32
    table = ((1, 16, 1, 1), (6, 24, 2, 2), (6, 32, 3, 2), (6, 64, 4, 2), (6, 96, 3, 1),
             (6, 160, 3, 2), (6, 320, 1, 1))  # expansion, channels, repeats, stride
    for expand, outputs, repeat, stride in table:
        for i in range(repeat):
            features.append(Inverted(inputs, outputs, 1 if i else stride, expand))
            inputs = outputs
    features.append(conv_norm(inputs, 1280, act=nn.ReLU6))
    return Classifier(features, nn.Dropout(0.2), nn.Linear(1280, classes))


# --- blocks with squeeze-and-excitation ---


class Squeeze(nn.Module):
    def __init__(self, channels, reduced, act, gate):
        super().__init__()
        self.fc1, self.act = nn.Conv2d(channels, reduced, 1), act()
        self.fc2, self.gate = nn.Conv2d(reduced, channels, 1), gate()

    def forward(self, x):
        return x * self.gate(self.fc2(self.act(self.fc1(x.mean((2, 3), keepdim=True)))))


class MBConv(nn.Module):
    """Expansion, depthwise convolution, squeeze (None or (reduced, act, gate)), projection."""

    def __init__(self, inputs, hidden, outputs, kernel, stride, act, squeeze, norm, drop=0.0):
        super().__init__()
        block = [conv_norm(inputs, hidden, act=act, norm=norm)] if hidden != inputs else []
        block.append(conv_norm(hidden, hidden, kernel, stride, act, hidden, norm))
        if squeeze:
            block.append(Squeeze(hidden, *squeeze))
        block.append(conv_norm(hidden, outputs, act=None, norm=norm))
        self.block = nn.Sequential(*block)
        self.residual = stride == 1 and inputs == outputs
        self.drop = DropPath(drop) if self.residual and drop else nn.Identity()

    def forward(self, x):
        return x + self.drop(self.block(x)) if self.residual else self.block(x)


# --- MobileNetV3 (A. Howard et al., ICCV 2019): kernel, hidden, channels, squeeze, stride ---

R, H = nn.ReLU, nn.Hardswish
V3_SMALL = ((3, 16, 16, True, R, 2), (3, 72, 24, False, R, 2), (3, 88, 24, False, R, 1),
            (5, 96, 40, True, H, 2), (5, 240, 40, True, H, 1), (5, 240, 40, True, H, 1),
            (5, 120, 48, True, H, 1), (5, 144, 48, True, H, 1), (5, 288, 96, True, H, 2),
            (5, 576, 96, True, H, 1), (5, 576, 96, True, H, 1))
V3_LARGE = ((3, 16, 16, False, R, 1), (3, 64, 24, False, R, 2), (3, 72, 24, False, R, 1),
            (5, 72, 40, True, R, 2), (5, 120, 40, True, R, 1), (5, 120, 40, True, R, 1),
            (3, 240, 80, False, H, 2), (3, 200, 80, False, H, 1), (3, 184, 80, False, H, 1),
            (3, 184, 80, False, H, 1), (3, 480, 112, True, H, 1), (3, 672, 112, True, H, 1),
            (5, 672, 160, True, H, 2), (5, 960, 160, True, H, 1), (5, 960, 160, True, H, 1))


def in_eights(channels):
    """The nearest multiple of 8 that is not under nine tenths of it."""
    rounded = max(8, int(channels + 4) // 8 * 8)
    return rounded + 8 if rounded < 0.9 * channels else rounded


def mobilenetv3(table, hidden, shape, classes):
    norm = partial(nn.BatchNorm2d, eps=1e-3, momentum=0.01)
    features = [conv_norm(shape[0], 16, 3, stride_of_first(shape), H, norm=norm)]
    inputs = 16
    for kernel, wide, outputs, squeezes, act, stride in table:
        squeeze = (in_eights(wide // 4), nn.ReLU, nn.Hardsigmoid) if squeezes else None
        features.append(MBConv(inputs, wide, outputs, kernel, stride, act, squeeze, norm))
        inputs = outputs
    features.append(conv_norm(inputs, 6 * inputs, act=H, norm=norm))
    return Classifier(features, nn.Linear(6 * inputs, hidden), H(), nn.Dropout(0.2),
                      nn.Linear(hidden, classes))


# --- EfficientNet (M. Tan and Q. Le, ICML 2019; Lite: R. Liu, 2020) ---

EFFICIENTNET = ((1, 3, 1, 16, 1), (6, 3, 2, 24, 2), (6, 5, 2, 40, 2), (6, 3, 2, 80, 3),
                (6, 5, 1, 112, 3), (6, 5, 2, 192, 4), (6, 3, 1, 320, 1))
# expansion, kernel, stride, channels, repeats; 16 blocks, dropped with up to 0.2


def efficientnet_blocks():
    """(inputs, hidden, outputs, kernel, stride, drop) of each stage's blocks."""
    inputs, number = 32, 0
    for expand, kernel, stride, outputs, repeat in EFFICIENTNET:
        stage = []
        for i in range(repeat):
            drop = 0.2 * number / 16
            stage.append((inputs, expand * inputs, outputs, kernel, 1 if i else stride, drop))
            inputs, number = outputs, number + 1
        yield stage


def efficientnet_b0(shape, classes):
    norm, act = nn.BatchNorm2d, nn.SiLU
    features = [conv_norm(shape[0], 32, 3, stride_of_first(shape), act)]
    for stage in efficientnet_blocks():
        features.append(nn.Sequential(*(
            MBConv(*block, act, (block[0] // 4, act, nn.Sigmoid), norm, drop)
            for *block, drop in stage
        )))
    features.append(conv_norm(320, 1280, act=act))
    return Classifier(features, nn.Dropout(0.2), nn.Linear(1280, classes))


def lite_conv(inputs, outputs, kernel=1, stride=1, groups=1):
    if stride > 1:
        return SameConv2d(inputs, outputs, kernel, stride, groups=groups, bias=False)
    return nn.Conv2d(inputs, outputs, kernel, 1, kernel // 2, groups=groups, bias=False)


lite_norm = partial(nn.BatchNorm2d, eps=1e-3, momentum=0.01)


class LiteBlock(nn.Module):
    def __init__(self, inputs, hidden, outputs, kernel, stride, drop):
        super().__init__()
        if hidden != inputs:
            self._expand_conv, self._bn0 = lite_conv(inputs, hidden), lite_norm(hidden)
        self._depthwise_conv = lite_conv(hidden, hidden, kernel, stride, hidden)
        self._bn1 = lite_norm(hidden)
        self._project_conv, self._bn2 = lite_conv(hidden, outputs), lite_norm(outputs)
        self.expands, self.residual = hidden != inputs, stride == 1 and inputs == outputs
        self.drop, self.act = DropPath(drop) if self.residual else None, nn.ReLU6()

    def forward(self, x):
        y = self.act(self._bn0(self._expand_conv(x))) if self.expands else x
        y = self.act(self._bn1(self._depthwise_conv(y)))
        y = self._bn2(self._project_conv(y))
        return x + self.drop(y) if self.residual else y


class EfficientNetLite0(nn.Module):
    """Names and padding are those of TensorFlow and of efficientnet-lite-pytorch."""

    def __init__(self, shape, classes):
        super().__init__()
        self._conv_stem = lite_conv(shape[0], 32, 3, stride_of_first(shape))
        self._bn0, self.act = lite_norm(32), nn.ReLU6()
        self._blocks = nn.Sequential(*(
            LiteBlock(*block) for stage in efficientnet_blocks() for block in stage
        ))
        self._conv_head, self._bn1 = lite_conv(320, 1280), lite_norm(1280)
        self._dropout, self._fc = nn.Dropout(0.2), nn.Linear(1280, classes)

    def forward(self, x):
        x = self._blocks(self.act(self._bn0(self._conv_stem(x))))
        x = self.act(self._bn1(self._conv_head(x)))
        return self._fc(self._dropout(x.mean((2, 3))))


NETWORKS = {
    "letters": Letters,
    "lenet5": LeNet5,
    "vgg28": vgg28,
    "cifar_fast": Airbench,
    "resnet20": partial(resnet_cifar, 3),
    "resnet32": partial(resnet_cifar, 5),
    "resnet44": partial(resnet_cifar, 7),
    "resnet56": partial(resnet_cifar, 9),
    "resnet18": partial(resnet, Basic, (2, 2, 2, 2), False),
    "resnet34": partial(resnet, Basic, (3, 4, 6, 3), False),
    "resnet50": partial(resnet, Bottleneck, (3, 4, 6, 3), False),
    "resnet18_cifar": partial(resnet, Basic, (2, 2, 2, 2), True),
    "resnet34_cifar": partial(resnet, Basic, (3, 4, 6, 3), True),
    "resnet50_cifar": partial(resnet, Bottleneck, (3, 4, 6, 3), True),
    "vgg11_bn": partial(VGG, (1, 1, 2, 2, 2)),
    "vgg16_bn": partial(VGG, (2, 2, 3, 3, 3)),
    "mobilenetv2": mobilenetv2,
    "mobilenetv3_small": partial(mobilenetv3, V3_SMALL, 1024),
    "mobilenetv3_large": partial(mobilenetv3, V3_LARGE, 1280),
    "efficientnet_b0": efficientnet_b0,
    "efficientnet_lite0": EfficientNetLite0,
}
