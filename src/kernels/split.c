#include "kernels/split.h"

static const char *const names[SPLITS] = {"auto",    "sequential", "batch",
                                          "channel", "spatial",    "filter",
                                          "hybrid",  "feature",    "element"};

const char *split_name(enum split split)
{
    return names[split];
}
