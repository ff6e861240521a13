/*
 * version: which lockstep this is.
 */
#ifndef LOCKSTEP_APP_VERSION_H
#define LOCKSTEP_APP_VERSION_H

/* "0.1.0 (1a2b3c4)": the release and the commit that it was built from. Static
   storage. */
const char *app_version(void);

#endif
