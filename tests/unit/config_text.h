/* config_text: a config from text, as a file holds it. */
#ifndef LOCKSTEP_TEST_CONFIG_TEXT_H
#define LOCKSTEP_TEST_CONFIG_TEXT_H

#include "scratch.h"

#include "app/config/config.h"

/* Called x.conf in messages. */
static inline enum status parse(struct config *config, const char *text)
{
    config_init(config);
    return config_parse(config, text, "x.conf");
}

static inline void refuse(const char *text, const char *message)
{
    struct config config;
    assert_int_equal(parse(&config, text), ST_USAGE);
    expect_said(message);
    config_release(&config);
}

#endif
