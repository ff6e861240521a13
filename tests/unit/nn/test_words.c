/* Words of other programs, and what is meant by them. */
#include "nn_test.h"

static const char *const cases[][2] = {
    {"concat", "unknown layer 'concat': expected conv, "},
    {"dense 5", "unknown layer 'dense', did you mean 'linear'?"},
    {"ReLU", "unknown layer 'ReLU', did you mean 'relu'?"},
    {"Max-Pooling2D 2", "did you mean 'maxpool'?"},
    {"conv 8 kernel=3 padding=1", "did you mean 'pad'?"},
    {"conv 8 kernel_size=3", "did you mean 'kernel'?"},
    {"relu padding=1", "relu1: unknown option 'padding'\n"},
    {"conv 8 3", "'3' is one value too many, did you mean 'kernel=3'?"},
    {"maxpool 2 3", "'3' is one value too many, did you mean 'stride=3'?"},
    {"dropout 0.5", "'0.5' is one value too many, did you mean 'p=0.5'?"},
    {"scale 2", "'2' is one value too many, did you mean 'by=2'?"},
    {"depthwise 3 kernel=3", "'3' is one value too many\n"},
    {"batchnorm 8", "'8' is one value too many\n"},
    {"batchnorm frozen", "'frozen' needs a value: frozen=...\n"},
};

static void test_words(void **state)
{
    (void)state;
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        char message[512];
        spec_refused((const char *const[]){cases[i][0], NULL}, (struct shape){8, 8, 3},
                     message, sizeof message);
        if (!strstr(message, cases[i][1]))
            fail_msg("'%s' is not in: %s", cases[i][1], message);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(test_words)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
