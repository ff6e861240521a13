/*
 * notes: what another program needs to know to use a network, as texts that are written
 * into the files for it.
 *
 *   lockstep.image        HxWxC: the images that the network was trained on
 *   lockstep.input        HxWxC: the part in the middle of them that it sees
 *   lockstep.shift        X,Y: pixels by which this part is then moved right and down
 *   lockstep.pixel_mean   one number, or one for each channel, on the 0..255 scale
 *   lockstep.pixel_std    the same
 *   lockstep.classes      the names, one a line
 *   lockstep.multi_label  "yes" if an image has several classes, or none
 *   lockstep.threshold    with multi_label: the least probability of an answer
 *   lockstep.temperature  if one was fitted: logits are to be divided by it; the graph of
 *                         ONNX does so itself
 *   lockstep.treatment    what the import did to pictures (data/treatment.h)
 *   lockstep.step         of the training
 *   lockstep.state        the hash of the state, as in the log
 *   lockstep.config       the whole config
 *   lockstep.version      of the program that exports
 *   lockstep.licence      of the weights, or EXPORT_NO_LICENCE
 */
#ifndef LOCKSTEP_APP_EXPORT_NOTES_H
#define LOCKSTEP_APP_EXPORT_NOTES_H

#include "app/run/network.h"
#include "io/arrays.h"

#define EXPORT_NOTES      18
#define EXPORT_NO_LICENCE "none is given"

struct export_notes {
    int count;
    struct array_note note[EXPORT_NOTES]; /* the texts are owned */
};

/* licence: of the weights; NULL: none is given. */
void export_notes_init(struct export_notes *notes, const struct network *network,
                       const char *licence);
void export_notes_release(struct export_notes *notes);

/* key: static storage; the text is copied. */
void export_notes_add(struct export_notes *notes, const char *key, const char *text);

#endif
