#include "predict_text.h"

#include <string.h>

#include "base/mem.h"

void predict_text_add(struct predict_text *text, const char *data, size_t bytes)
{
    if (text->bytes + bytes > text->room) {
        text->room = 2 * (text->bytes + bytes);
        text->data = mem_resize(text->data, text->room, 1);
    }
    memcpy(text->data + text->bytes, data, bytes);
    text->bytes += bytes;
}
