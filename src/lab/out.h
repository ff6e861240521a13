/* out: where the laboratory's files may be written. */
#ifndef LOCKSTEP_LAB_OUT_H
#define LOCKSTEP_LAB_OUT_H

#include "base/status.h"

/* Can `path` be written: is it new, or a file whose attribute "format" is this? ST_USAGE
   otherwise: `whose` file it is not. Nothing is left there. */
enum status out_check(const char *path, const char *format, const char *whose) MUST_CHECK;

#endif
