/*
 * class_weights: factors of the loss for data sets whose classes have very different
 * numbers of images.
 */
#ifndef LOCKSTEP_TRAIN_CLASS_WEIGHTS_H
#define LOCKSTEP_TRAIN_CLASS_WEIGHTS_H

#include "data/dataset.h"

/* *weights: (classes), the caller frees; NULL: all are 1. text:
 *
 *   none                   all are 1
 *   auto                   N / (C n), for class c with n of N training images; C: classes
 *                          with images. The mean over all images is 1.
 *   NAME:WEIGHT, ...       the weight of a class, from 0 to 1e6; 1 for classes not named
 *
 * In a multi-label set a weight is that of the images that have the class (pos_weight in
 * nn/loss_set.h). auto: how many images lack it for one that has it, within 1/100 and
 * 100, so that both count alike; 1 if all have it, or none.
 *
 * ST_USAGE if the text is something else or names no class of the data set. */
enum status class_weights_read(const char *text, const struct dataset *dataset,
                               float **weights) MUST_CHECK;

/* The weights (classes) that are not 1, in a line: "B x 2.5, C x 7, others x 1"; of more
   than 12 the least and the largest. The caller frees. */
char *class_weights_text(const float *weights, const struct dataset_info *info);

/* How many times as many training images the largest class has as the smallest that has
   any; 1 if there are none. largest, smallest: those classes. */
double class_imbalance(const struct dataset *dataset, int *largest, int *smallest);

#endif
