#include "app/version.h"

const char *app_version(void)
{
    return *LOCKSTEP_COMMIT ? LOCKSTEP_VERSION " (" LOCKSTEP_COMMIT ")"
                            : LOCKSTEP_VERSION;
}
