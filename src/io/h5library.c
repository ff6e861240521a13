/* HDF5 itself: one thread at a time, its settings, and why a call failed. */
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "h5_impl.h"

static pthread_mutex_t library = PTHREAD_RECURSIVE_MUTEX_INITIALIZER_NP;

/* Initialises HDF5 once, since setenv is unsafe while other threads read the environment,
   and turns its messages off in each thread: a thread-safe build has one setting each. */
static void h5_begin(void)
{
    static bool begun;
    static _Thread_local bool silent;
    if (!begun) {
        H5dont_atexit(); /* first of all calls; every file is closed by us */
        setenv("HDF5_USE_FILE_LOCKING", "FALSE", 1); /* read when the library starts */
        H5Lunregister(H5L_TYPE_EXTERNAL); /* a file must not link to other files... */
        H5PLset_loading_state(0);         /* ...or load code */
        begun = true;
    }
    if (!silent)
        H5Eset_auto2(H5E_DEFAULT, NULL, NULL);
    silent = true;
}

int h5_lock(void)
{
    int error = pthread_mutex_lock(&library);
    h5_begin();
    return error;
}

void h5_unlock(int *alone)
{
    (void)alone;
    pthread_mutex_unlock(&library);
}

static herr_t h5_find_reason(unsigned n, const H5E_error2_t *error, void *context)
{
    char *reason = context;
    const char *number = error->desc ? strstr(error->desc, "errno = ") : NULL;
    if (number)
        snprintf(reason, 256, "%s", strerror(atoi(number + strlen("errno = "))));
    else if (n == 0 && error->desc)
        snprintf(reason, 256, "%s", error->desc);
    return number != NULL; /* positive: stop walking */
}

const char *h5_reason(void)
{
    static char reason[256];
    snprintf(reason, sizeof reason, "unknown reason");
    H5Ewalk2(H5E_DEFAULT, H5E_WALK_UPWARD, h5_find_reason, reason);
    reason[strcspn(reason, "\n")] = '\0';
    return reason;
}
