/*
 * predict_text: bytes that grow.
 */
#ifndef LOCKSTEP_APP_PREDICT_PREDICT_TEXT_H
#define LOCKSTEP_APP_PREDICT_PREDICT_TEXT_H

#include <stddef.h>

struct predict_text {
    char *data; /* owned: free() */
    size_t bytes, room;
};
void predict_text_add(struct predict_text *text, const char *data, size_t bytes);

#endif
