/*
 * confusion_picture: the counts of an evaluation as a picture. A row for each class of
 * the images, from the top, a column for each answer, from the left; a cell's blue is the
 * share of the row's images that got the answer, by its square root, so that rare
 * confusions can be seen: white none, dark blue all.
 */
#ifndef LOCKSTEP_TRAIN_CONFUSION_PICTURE_H
#define LOCKSTEP_TRAIN_CONFUSION_PICTURE_H

#include "io/image.h"
#include "train/confusion.h"

/* False: there is no matrix (of sets of classes, or of more than CONFUSION_CLASSES), and
   no picture. image_release. */
bool confusion_picture(struct image *image, const struct confusion *confusion);

#endif
