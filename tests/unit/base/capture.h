/*
 * capture: runs a function in a child process and returns what it prints and how it ends.
 * What it changes (the log's rank, signal handlers) does not outlive the child.
 */
#ifndef LOCKSTEP_TESTS_CAPTURE_H
#define LOCKSTEP_TESTS_CAPTURE_H

/* cmocka's own needs, in its order */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <stdio.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

struct captured {
    char out[4096], err[4096]; /* stdout and stderr */
    int code;                  /* exit code; -1: ended by a signal */
};

static inline void capture_slurp(FILE *file, char text[4096])
{
    rewind(file);
    text[fread(text, 1, 4095, file)] = '\0';
    fclose(file);
}

/* If body returns, its value is the child's exit code. It must not use cmocka. */
static inline struct captured capture(int (*body)(void))
{
    struct captured c = {.code = -1};
    FILE *out = tmpfile(), *err = tmpfile();
    int status;
    assert_true(out && err);
    fflush(NULL);
    pid_t child = fork();
    assert_true(child >= 0);
    if (child == 0) {
        dup2(fileno(out), STDOUT_FILENO);
        dup2(fileno(err), STDERR_FILENO);
        int code = body();
        fflush(NULL);
        _exit(code);
    }
    assert_int_equal(waitpid(child, &status, 0), child);
    if (WIFEXITED(status))
        c.code = WEXITSTATUS(status);
    capture_slurp(out, c.out);
    capture_slurp(err, c.err);
    return c;
}

#endif
