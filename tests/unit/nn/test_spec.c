/* The text of a network. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "nn/spec.h"

/* The last line of a network for images with several classes. */
static void test_use_logsigmoid(void **state)
{
    (void)state;
    static const struct {
        const char *last, *becomes;
        bool does;
    } cases[] = {
        {"logsoftmax", "logsigmoid", true},
        {"  logsoftmax as=end from=linear1", "  logsigmoid as=end from=linear1", true},
        {"logsigmoid", "logsigmoid", true},
        {"linear classes", "linear classes", false},
        {"logsoftmaxes", "logsoftmaxes", false},
    };
    struct model_spec none = {0};
    assert_false(model_spec_use_logsigmoid(&none));
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        struct model_spec spec = {0};
        model_spec_add(&spec, "logsoftmax as=first", "net.conf:1");
        model_spec_add(&spec, cases[i].last, "net.conf:2");
        assert_int_equal(model_spec_ends_in_logsigmoid(&spec), i == 2);
        assert_int_equal(model_spec_use_logsigmoid(&spec), cases[i].does);
        assert_string_equal(spec.lines.text[0], "logsoftmax as=first");
        assert_string_equal(spec.lines.text[1], cases[i].becomes);
        model_spec_release(&spec);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(test_use_logsigmoid)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
