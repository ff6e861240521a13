/* out: checks where a file of the laboratory may be written. */
#ifndef LOCKSTEP_LAB_OUT_H
#define LOCKSTEP_LAB_OUT_H

#include "base/status.h"

/* ST_USAGE unless `path` is new, or a file whose attribute "format" is this, and can be
   written. whose: whose file it would be, for the message. Leaves nothing behind. */
enum status out_check(const char *path, const char *format, const char *whose) MUST_CHECK;

#endif
