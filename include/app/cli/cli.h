/*
 * cli: reads the command line of a subcommand by a table of options.
 *
 *   struct cli_option options[] = {
 *       {"out", CLI_TEXT, &out, "FILE", "where to write"},
 *       {"train", CLI_INT, &train, "N", "training images (20000)"},
 *       {"transpose", CLI_FLAG, &transpose, NULL, "images are stored column by column"},
 *       {0},
 *   };
 *   TRY(cli_parse(&command, options, argc, argv, operands, &count));
 *
 * "--name value" and "--name=value" mean the same; "--" ends the options; options and
 * operands may be mixed. An unknown option is ST_USAGE, with a "did you mean".
 */
#ifndef LOCKSTEP_APP_CLI_CLI_H
#define LOCKSTEP_APP_CLI_CLI_H

#include "base/status.h"

enum cli_kind {
    CLI_FLAG,  /* bool: set to true */
    CLI_INT,   /* long long, >= 0 */
    CLI_U64,   /* uint64_t */
    CLI_REAL,  /* double, >= 0 */
    CLI_TEXT,  /* const char *: points into argv */
    CLI_TEXTS, /* struct cli_texts: may be repeated */
};

#define CLI_TEXTS_MAX 64
struct cli_texts {
    int count;
    const char *text[CLI_TEXTS_MAX];
};

struct cli_option {
    const char *name;
    enum cli_kind kind;
    void *out;
    const char *value; /* its name in the help; NULL for flags */
    const char *help;  /* a phrase in lower case, no full stop; "default 28" at its end */
};

struct cli_command {
    const char *name;     /* "data synth" */
    const char *operands; /* "FILE..." or "" */
    int least, most;      /* number of operands */
    const char *summary;  /* one sentence, then more if needed; lines of 79 at most */
};

/* Reads a command line. argv[0] is the first word after the command's name. Operands go
   to operand[0 .. *count), between `least` and `most` of them (operand may be NULL if
   there are none). --help prints the help on stdout and sets *count to -1: the caller
   then returns ST_OK without doing anything. */
enum status cli_parse(const struct cli_command *command, const struct cli_option *options,
                      int argc, char **argv, const char **operand, int *count) MUST_CHECK;

/* What the operand CONFIG of several commands may be: a line of their summaries. */
#define CLI_CONFIG_HELP \
    "CONFIG is a file, or the name of a network (see 'lockstep models')."

/* Help texts of options that several commands have. */
#define CLI_IMAGE_SIZE_HELP \
    "pixels of the network's input, N or HEIGHTxWIDTH: sets data.input and data.size"

#define CLI_NO_VERIFY_HELP \
    "do not compare images with their hashes: use a damaged data set as it is"

/* One entry of a help text, on stdout: the tag at the left, the text broken into lines in
   a column of its own, as help2man reads it. */
void cli_print_entry(const char *tag, const char *text);

#define CLI_VIEWS_HELP                                                                \
    "none, mirror or mirror+shift: average the answers to several views of an image " \
    "(eval.views), default as in the training"
#define CLI_TTA_HELP                                                          \
    "test-time augmentation, another name: flip is --views mirror, multi is " \
    "--views mirror+shift"
/* Reads --views or --tta into *set (enum view_set); both NULL: *set does not change.
   ST_USAGE if both are given. */
enum status cli_read_views(const char *views, const char *tta, int *set) MUST_CHECK;

#define CLI_THRESHOLD_HELP                                                 \
    "for images with several classes: the least probability of an answer " \
    "(eval.threshold), default as in the training"
/* ST_USAGE unless --threshold is a probability; negative: it is not given. */
enum status cli_check_threshold(double threshold) MUST_CHECK;

/* The value of an option --name: one of `words` (NULL-terminated), as its index; NULL
   does not change it. */
enum status cli_read_word(const char *name, const char *text, const char *const *words,
                          int *index) MUST_CHECK;

/* The value of an option --name: "10%" or "0.1" into share; NULL does not change it. */
enum status cli_read_share(const char *name, const char *text, double *share) MUST_CHECK;

#endif
