#include "data/treatment.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static const char *const invert_words[] = {"no", "yes", "each", NULL};
static const char *const fit_words[] = {"pad", "crop", "stretch", NULL};
static const char *const range_words[] = {"full", "auto", NULL};

struct dataset_treatment treatment_unrecorded(void)
{
    return (struct dataset_treatment){.invert = TREATMENT_INVERT_EACH};
}

const char *treatment_invert_word(const struct dataset_treatment *treatment)
{
    return invert_words[treatment->invert];
}

void treatment_text(const struct dataset_treatment *treatment, char text[TREATMENT_TEXT])
{
    char background[16] = "border", range[64];
    if (!treatment->recorded) {
        text[0] = '\0';
        return;
    }
    if (treatment->background != TREATMENT_BORDER)
        snprintf(background, sizeof background, "%d", treatment->background);
    if (treatment->range == TREATMENT_LIMITS)
        snprintf(range, sizeof range, "%.17g,%.17g", treatment->low, treatment->high);
    else
        snprintf(range, sizeof range, "%s", range_words[treatment->range]);
    snprintf(text, TREATMENT_TEXT, "invert=%s fit=%s background=%s range=%s",
             invert_words[treatment->invert], fit_words[treatment->fit], background,
             range);
}

/* The index of the word, or -1. */
static int treatment_word(const char *const *words, const char *word)
{
    for (int i = 0; words[i]; i++)
        if (strcmp(words[i], word) == 0)
            return i;
    return -1;
}

static bool treatment_set_range(struct dataset_treatment *treatment, const char *value)
{
    int word = treatment_word(range_words, value);
    if (word >= 0) {
        treatment->range = (enum treatment_range)word;
        return true;
    }
    treatment->range = TREATMENT_LIMITS;
    return sscanf(value, "%lf,%lf", &treatment->low, &treatment->high) == 2 &&
           treatment->low < treatment->high;
}

static bool treatment_set(struct dataset_treatment *treatment, const char *key,
                          const char *value)
{
    int word = 0;
    if (strcmp(key, "invert") == 0) {
        word = treatment_word(invert_words, value);
        treatment->invert = word < 0 ? TREATMENT_KEEP : (enum treatment_invert)word;
    } else if (strcmp(key, "fit") == 0) {
        word = treatment_word(fit_words, value);
        treatment->fit = word < 0 ? TREATMENT_PAD : (enum treatment_fit)word;
    } else if (strcmp(key, "background") == 0) {
        bool border = strcmp(value, "border") == 0;
        treatment->background = border ? TREATMENT_BORDER : atoi(value);
        return treatment->background >= TREATMENT_BORDER && treatment->background <= 255;
    } else if (strcmp(key, "range") == 0) {
        return treatment_set_range(treatment, value);
    }
    return word >= 0;
}

bool treatment_parse(struct dataset_treatment *treatment, const char *text)
{
    char copy[TREATMENT_TEXT], *rest = copy, *word;
    *treatment = treatment_unrecorded();
    if (!*text)
        return true;
    if (strlen(text) >= sizeof copy)
        return false;
    strcpy(copy, text);
    *treatment = (struct dataset_treatment){.recorded = true};
    while ((word = strtok_r(rest, " ", &rest))) {
        char *equals = strchr(word, '=');
        if (!equals)
            return false;
        *equals = '\0';
        if (!treatment_set(treatment, word, equals + 1))
            return false;
    }
    return true;
}
