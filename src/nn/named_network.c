#include "nn/named_network.h"

#include <string.h>

#include "base/parse.h"

/* Classes and inputs of the data sets that the figures belong to. */
#define IMAGENET {224, 224, 3}, 1000
#define CIFAR    {32, 32, 3}, 10
#define DIGITS   {28, 28, 1}, 10
#define LETTERS  {28, 28, 1}, 26

static const char torchvision[] = "torchvision IMAGENET1K_V1";
static const char he[] = "He et al. 2016, table 6";

/* clang-format off */
static const struct named_network named_networks[] = {
    {"letters", NULL, "letters", "",
     LETTERS, 96.4, "built-in letters", "docs/measurements.md"},
    {"lenet5", NULL, "lenet5", "",
     DIGITS, 99.05, "MNIST", "LeCun et al. 1998, figure 9 (with tanh)"},

    {"resnet20", NULL, "resnet_cifar", "depth=20 n=3", CIFAR, 91.25, "CIFAR-10", he},
    {"resnet32", NULL, "resnet_cifar", "depth=32 n=5", CIFAR, 92.49, "CIFAR-10", he},
    {"resnet44", NULL, "resnet_cifar", "depth=44 n=7", CIFAR, 92.83, "CIFAR-10", he},
    {"resnet56", NULL, "resnet_cifar", "depth=56 n=9", CIFAR, 93.03, "CIFAR-10", he},

    {"cifar_fast", "airbench94", "cifar_fast", "",
     CIFAR, 94.01, "CIFAR-10", "Jordan 2024, arXiv 2404.00498"},

    {"resnet18", NULL, "resnet", "large basic depth=18 n1=2 n2=2 n3=2 n4=2 grain=32",
     IMAGENET, 69.758, "ImageNet", torchvision},
    {"resnet34", NULL, "resnet", "large basic depth=34 n1=3 n2=4 n3=6 n4=3 grain=32",
     IMAGENET, 73.314, "ImageNet", torchvision},
    {"resnet50", NULL, "resnet",
     "large bottleneck depth=50 n1=3 n2=4 n3=6 n4=3 grain=16",
     IMAGENET, 76.130, "ImageNet", torchvision},
    {"resnet18_cifar", NULL, "resnet",
     "cifar basic depth=18 n1=2 n2=2 n3=2 n4=2 grain=32", CIFAR, 0, "", ""},
    {"resnet34_cifar", NULL, "resnet",
     "cifar basic depth=34 n1=3 n2=4 n3=6 n4=3 grain=32", CIFAR, 0, "", ""},
    {"resnet50_cifar", NULL, "resnet",
     "cifar bottleneck depth=50 n1=3 n2=4 n3=6 n4=3 grain=32", CIFAR, 0, "", ""},

    {"vgg11_bn", "vgg11", "vgg", "vgg11 depth=11",
     IMAGENET, 70.370, "ImageNet", torchvision},
    {"vgg16_bn", "vgg16", "vgg", "vgg16 depth=16",
     IMAGENET, 73.360, "ImageNet", torchvision},

    {"mobilenetv2", "mobilenet_v2", "mobilenetv2", "",
     IMAGENET, 71.878, "ImageNet", torchvision},
    {"mobilenetv3_small", "mobilenet_v3_small", "mobilenetv3",
     "small size=Small wide=576 last=12 hidden=1024",
     IMAGENET, 67.668, "ImageNet", torchvision},
    {"mobilenetv3_large", "mobilenet_v3_large", "mobilenetv3",
     "large size=Large wide=960 last=16 hidden=1280",
     IMAGENET, 74.042, "ImageNet", torchvision},

    {"efficientnet_lite0", NULL, "efficientnet_lite0", "",
     IMAGENET, 75.1, "ImageNet", "TensorFlow, efficientnet/lite"},
    {"efficientnet_b0", NULL, "efficientnet_b0", "",
     IMAGENET, 77.692, "ImageNet", torchvision},
};
/* clang-format on */
enum { NAMED_NETWORKS = sizeof named_networks / sizeof named_networks[0] };
_Static_assert(NAMED_NETWORKS <= NAMED_NETWORKS_MAX, "raise NAMED_NETWORKS_MAX");

const struct named_network *named_network_at(int i)
{
    return i < NAMED_NETWORKS ? &named_networks[i] : NULL;
}

const struct named_network *named_network_find(const char *name)
{
    for (int i = 0; i < NAMED_NETWORKS; i++) {
        const struct named_network *network = &named_networks[i];
        if (strcmp(network->name, name) == 0 ||
            (network->alias && strcmp(network->alias, name) == 0))
            return network;
    }
    return NULL;
}

int named_network_begin(const char *text, const char *names[NAMED_NETWORKS_MAX])
{
    int count = 0;
    for (int i = 0; i < NAMED_NETWORKS; i++) {
        const struct named_network *network = &named_networks[i];
        if (parse_begins(network->name, text))
            names[count++] = network->name;
        else if (network->alias && parse_begins(network->alias, text))
            names[count++] = network->alias;
    }
    return count;
}

const char *named_network_nearest(const char *name)
{
    const char *names[2 * NAMED_NETWORKS];
    int count = 0;
    for (int i = 0; i < NAMED_NETWORKS; i++) {
        names[count++] = named_networks[i].name;
        if (named_networks[i].alias)
            names[count++] = named_networks[i].alias;
    }
    return parse_nearest(name, names, count);
}
