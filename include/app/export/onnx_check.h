/*
 * onnx_check: does a written model answer as lockstep does? The file is read back and
 * evaluated (onnx_run.h) on pictures of the training's data set, val or, if that is
 * empty, test; if the data set is not here, on random pictures. The answers are compared
 * with those of the folded network, which `eval` and `predict` use.
 */
#ifndef LOCKSTEP_APP_EXPORT_ONNX_CHECK_H
#define LOCKSTEP_APP_EXPORT_ONNX_CHECK_H

#include "app/export/onnx_graph.h"

#define ONNX_CHECK_PICTURES 4
#define ONNX_CHECK_MOST     1000
#define ONNX_CHECK_LIMIT    1e-4 /* by which a probability may differ */

/* Everything is borrowed. */
struct onnx_check_request {
    const struct network *network;
    const struct fold *fold;
    enum onnx_layout layout;
    int pictures; /* at most; from 1 */
};

struct onnx_check {
    int pictures;
    char *what;  /* owned: "val images of 'letters.h5'" */
    double most; /* by which a probability differs */
};
void onnx_check_release(struct onnx_check *check);

/* file: the model; name: what messages call it. ST_FAIL if it cannot be evaluated, or a
   probability differs by more than ONNX_CHECK_LIMIT; ST_USAGE if there is too little
   memory. */
enum status onnx_check(struct onnx_check *check, const struct onnx_check_request *request,
                       const char *file, const char *name) MUST_CHECK;

#endif
