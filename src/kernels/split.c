#include "kernels/split.h"

static const char *const split_names[SPLITS] = {"auto",    "sequential", "batch",
                                                "channel", "spatial",    "filter",
                                                "hybrid",  "feature",    "element"};

const char *split_name(enum split split)
{
    return split_names[split];
}
