#include "base/shell.h"

#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/mem.h"

#define SHELL_PLAIN              \
    "abcdefghijklmnopqrstuvwxyz" \
    "ABCDEFGHIJKLMNOPQRSTUVWXYZ" \
    "0123456789_./=:,@%+-"
#define SHELL_LONGEST 4 /* characters that one may become: '\'' or \ooo */

static bool shell_is_control(char c)
{
    return (unsigned char)c < ' ' || c == '\177';
}

/* In '...' only the quote itself is special. */
static void shell_put_quoted(char *to, const char *word)
{
    *to++ = '\'';
    for (; *word; word++)
        to += sprintf(to, *word == '\'' ? "'\\''" : "%c", *word);
    strcpy(to, "'");
}

static void shell_put_escaped(char *to, const char *word)
{
    to += sprintf(to, "$'");
    for (; *word; word++)
        if (shell_is_control(*word))
            to += sprintf(to, "\\%03o", (unsigned)*word);
        else
            to += sprintf(to, *word == '\'' || *word == '\\' ? "\\%c" : "%c", *word);
    strcpy(to, "'");
}

char *shell_word(const char *word)
{
    size_t length = strlen(word);
    bool control = false;
    if (length > 0 && word[strspn(word, SHELL_PLAIN)] == '\0')
        return mem_strdup(word);
    char *text = mem_zeroed(SHELL_LONGEST * length + sizeof "$''", 1);
    for (size_t i = 0; i < length; i++)
        control = control || shell_is_control(word[i]);
    (control ? shell_put_escaped : shell_put_quoted)(text, word);
    return text;
}

char *shell_path(const char *path)
{
    if (*path != '-')
        return shell_word(path);
    char *below = mem_format("./%s", path), *word = shell_word(below);
    free(below);
    return word;
}
