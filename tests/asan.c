/*
 * asan: the sanitizers' options in a program built with MODE=asan. Only leaks of lockstep
 * itself count: Open MPI, HDF5 and OpenMP keep memory to the end on purpose.
 */

const char *__asan_default_options(void);
const char *__ubsan_default_options(void);
const char *__lsan_default_options(void);
const char *__lsan_default_suppressions(void);
int dlclose(void *handle) __attribute__((weak));

/* Only the slow unwinder works in libraries that were built without frame pointers. */
const char *__asan_default_options(void)
{
    return "exitcode=99:fast_unwind_on_malloc=0";
}

const char *__ubsan_default_options(void)
{
    return "print_stacktrace=1";
}

/* Reading thread-local storage crashes on threads that Open MPI has ended. */
const char *__lsan_default_options(void)
{
    return "use_tls=0:print_suppressions=0";
}

const char *__lsan_default_suppressions(void)
{
    return "leak:libmpi.so\n"
           "leak:libopen-pal.so\n"
           "leak:libopen-rte.so\n"
           "leak:libpmix.so\n"
           "leak:mca_\n"
           "leak:libevent\n"
           "leak:libhwloc.so\n"
           "leak:libhdf5\n"
           "leak:libgomp.so\n"
           "leak:ld-linux\n"
           "leak:add_to_global_resize\n";
}

/* The names of unloaded plugins would be unknown to the suppressions: nothing is
 * unloaded. */
int dlclose(void *handle)
{
    (void)handle;
    return 0;
}
