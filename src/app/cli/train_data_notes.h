/*
 * train_data_notes: what in data and config makes a training senseless without an error.
 */
#ifndef LOCKSTEP_APP_CLI_TRAIN_DATA_NOTES_H
#define LOCKSTEP_APP_CLI_TRAIN_DATA_NOTES_H

struct dataset;
struct run_options;

/* Notes on a learning rate of 0; on images that are of one flat colour, in the file or
   once the options have been applied to them; and on images for evaluation that are
   training images, too. By one rank. */
void train_note_data(struct dataset *dataset, const struct run_options *options);

#endif
