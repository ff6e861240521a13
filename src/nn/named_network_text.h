/* named_network_text: the files of configs/networks, as the Makefile puts them into the
   program. */
#ifndef LOCKSTEP_NN_NAMED_NETWORK_TEXT_H
#define LOCKSTEP_NN_NAMED_NETWORK_TEXT_H

struct named_network_file {
    const char *family, *text;
};

/* The last one has family NULL. */
extern const struct named_network_file named_network_files[];

#endif
