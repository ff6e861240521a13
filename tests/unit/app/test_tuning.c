/* Which plan a run gets, from what is known before. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "app/run/tuning.h"

#define LONG_RUN  1000 /* seconds */
#define SHORT_RUN 10

static void test_decide(void **state)
{
    (void)state;
    static const struct {
        struct tuning_facts facts;
        enum tuning_source source;
    } cases[] = {
        /* mode, pipeline, choice, kept, busy, run_seconds, features */
        {{TUNING_OFF, false, true, true, false, LONG_RUN, false}, TUNING_BY_RULE},
        {{TUNING_OFF, true, false, false, false, LONG_RUN, false}, TUNING_BY_RULE},
        {{TUNING_CACHED, true, false, false, false, LONG_RUN, false}, TUNING_BY_RULE},
        {{TUNING_FORCE, true, false, false, false, LONG_RUN, false},
         TUNING_BY_RULE_PIPELINE},
        {{TUNING_FORCE, false, false, true, false, LONG_RUN, false}, TUNING_BY_RULE},
        {{TUNING_CACHED, false, false, true, false, LONG_RUN, false}, TUNING_BY_RULE},
        {{TUNING_CACHED, false, true, true, true, SHORT_RUN, false}, TUNING_KEPT},
        {{TUNING_CACHED, false, true, false, true, LONG_RUN, false}, TUNING_BY_RULE_BUSY},
        {{TUNING_CACHED, false, true, false, false, SHORT_RUN, false},
         TUNING_BY_RULE_SHORT},
        {{TUNING_CACHED, false, true, false, false, LONG_RUN, false}, TUNING_MEASURE},
        {{TUNING_FORCE, false, true, true, true, SHORT_RUN, false}, TUNING_MEASURE},
        {{TUNING_FORCE, false, false, false, false, LONG_RUN, true},
         TUNING_BY_RULE_FEATURES},
        {{TUNING_CACHED, false, false, false, false, LONG_RUN, true}, TUNING_BY_RULE},
    };
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++)
        assert_int_equal(tuning_decide(&cases[i].facts), cases[i].source);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_decide),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
