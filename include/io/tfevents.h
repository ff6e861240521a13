/*
 * tfevents: event files, from which TensorBoard draws its pages: a TFRecord file
 * (io/tfrecord.h) of messages Event (src/io/tensorboard.proto).
 *
 * A process that writes into a folder makes a file of its own there,
 * events.out.tfevents.SECONDS.HOST.PID.0, whose name sorts behind those of the files
 * before it, because TensorBoard reads them in that order; no file is ever written over.
 * It begins with a SessionLog START of the first step that it will have: TensorBoard then
 * drops what earlier files have of that step and later ones, which a killed process left.
 *
 * A record is written at once, so that a reader sees whole records. After a failure the
 * file ends with the last whole one, and writing may be tried again.
 */
#ifndef LOCKSTEP_IO_TFEVENTS_H
#define LOCKSTEP_IO_TFEVENTS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/status.h"

struct tfevents;

/* Makes the folder, if it is not there, and the file. */
enum status tfevents_create(struct tfevents **events, const char *folder,
                            uint64_t first_step) MUST_CHECK;
void tfevents_close(struct tfevents *events); /* NULL is fine */

struct tfevents_scalar {
    const char *tag;
    double value;
};
enum status tfevents_scalars(struct tfevents *events, uint64_t step,
                             const struct tfevents_scalar *scalar,
                             int scalars) MUST_CHECK;

/* A PNG file's bytes. */
struct tfevents_image {
    const char *tag;
    const uint8_t *png;
    size_t bytes;
    int h, w, channels;
};
enum status tfevents_picture(struct tfevents *events, uint64_t step,
                             const struct tfevents_image *image) MUST_CHECK;

/* A hyper-parameter, of the page HPARAMS. */
enum tfevents_kind { TFEVENTS_TEXT, TFEVENTS_NUMBER, TFEVENTS_FLAG };
struct tfevents_parameter {
    const char *name;
    enum tfevents_kind kind;
    const char *text;
    double number;
    bool flag;
};
/* The hyper-parameters of the run, and the tags of the scalars by which the page compares
   runs. */
enum status tfevents_session(struct tfevents *events,
                             const struct tfevents_parameter *parameter, int parameters,
                             const char *const *metric, int metrics) MUST_CHECK;
/* How the run has ended. */
enum status tfevents_session_end(struct tfevents *events, uint64_t step,
                                 bool success) MUST_CHECK;

#endif
