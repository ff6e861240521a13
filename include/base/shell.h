/*
 * shell: words of command lines that are printed for the user to copy.
 */
#ifndef LOCKSTEP_BASE_SHELL_H
#define LOCKSTEP_BASE_SHELL_H

/* The word as a shell reads it: quoted where needed, with $'...' if it has control
   characters, which a terminal must not get. The caller frees. */
char *shell_word(const char *word);

/* The same of a path, which no program takes for an option: "-x" becomes "./-x". The
   caller frees. */
char *shell_path(const char *path);

#endif
