/*
 * config_words: what settings are called in PyTorch, timm, Keras, Lightning and
 * Ultralytics, so that a message can name the key.
 */
#ifndef LOCKSTEP_APP_CONFIG_CONFIG_WORDS_H
#define LOCKSTEP_APP_CONFIG_CONFIG_WORDS_H

/* "train.batch" of "batch_size", "batch-size" or "BatchSize"; NULL: not known. Static
   storage. */
const char *config_word_key(const char *word);

#endif
