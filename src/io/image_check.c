/* What a reader refuses, and how that is said. */
#include "image_impl.h"

enum status image_fail(const struct image_source *source, const char *kind,
                       const char *reason)
{
    FAIL(ST_FAIL, "cannot read %s image '%s': %s", kind, source->name, reason);
}

enum status image_fail_short(const struct image_source *source, const char *kind)
{
    FAIL(ST_FAIL, "'%s' is a %s cut short", source->name, kind);
}

const char *image_check_size(size_t h, size_t w, size_t bytes)
{
    if (h == 0 || w == 0)
        return "no pixels";
    if (h > IMAGE_SIDE_MAX || w > IMAGE_SIDE_MAX || h * w > IMAGE_AREA_MAX)
        return "too many pixels";
    if (h * w > IMAGE_AREA_FREE &&
        (h * w - IMAGE_AREA_FREE) / IMAGE_AREA_PER_BYTE > bytes)
        return "too short for its size";
    return NULL;
}
