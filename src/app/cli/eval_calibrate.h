/*
 * eval_calibrate: a temperature (train/calibration.h) is fitted on what a session
 * measured, and kept in its checkpoint.
 */
#ifndef LOCKSTEP_APP_CLI_EVAL_CALIBRATE_H
#define LOCKSTEP_APP_CLI_EVAL_CALIBRATE_H

#include "app/run/eval_session.h"

/* Collective. After eval_session_find: ST_USAGE if images of the network have several
   classes, or the run is under way. */
enum status eval_calibrate_check(const struct eval_session *session) MUST_CHECK;

/* Collective. After eval_session_open: ST_FAIL if the data set of the training is another
   one now: its val images may be those that the network was trained on. */
enum status eval_calibrate_check_data(const struct eval_session *session) MUST_CHECK;

/* Collective. After eval_session_run, with rows and raw. ST_USAGE if the run is under
   way; ST_FAIL if the checkpoint cannot be written, or the answers are not finite. */
enum status eval_calibrate(const struct eval_session *session) MUST_CHECK;

#endif
