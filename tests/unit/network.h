/* network: a model from lines as a config has them. */
#ifndef LOCKSTEP_TEST_NETWORK_H
#define LOCKSTEP_TEST_NETWORK_H

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "nn/model.h"

/* lines: NULL-terminated. model_release. */
static inline void network_build(struct model *model, const char *const *lines,
                                 struct shape in, int classes, int grain)
{
    struct model_spec spec = {0};
    for (int i = 0; lines[i]; i++)
        model_spec_add(&spec, lines[i], "net.conf:1");
    assert_int_equal(model_init(model, &spec, in, classes, grain), ST_OK);
    model_spec_release(&spec);
}

#endif
