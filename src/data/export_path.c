/* export: the names of the images. */
#include <stdlib.h>

#include "base/mem.h"
#include "export_impl.h"

char *export_class_path(const struct dataset_info *info, enum dataset_split split,
                        int class)
{
    char *name = mem_strdup(info->class_name[class]);
    for (char *c = name; *c; c++)
        if (*c == '/')
            *c = '_';
    bool usable = *name && name[0] != '.';
    char *path =
        mem_format("%s/%s%s", dataset_split_name[split], usable ? "" : "_", name);
    free(name);
    return path;
}

char *export_image_path(const struct dataset_info *info, enum dataset_split split,
                        const struct dataset_labels *labels, size_t k, size_t i)
{
    if (info->multi_label)
        return mem_format("%s/%06zu.png", dataset_split_name[split], i);
    char *of_class = export_class_path(info, split, labels->one[k]);
    char *path = mem_format("%s/%06zu.png", of_class, i);
    free(of_class);
    return path;
}
