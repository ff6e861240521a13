/*
 * onnx_file: writes a network as a file of ONNX, checks it, and gives it its name only if
 * it answers as lockstep does.
 */
#ifndef LOCKSTEP_APP_EXPORT_ONNX_FILE_H
#define LOCKSTEP_APP_EXPORT_ONNX_FILE_H

#include "app/export/onnx_check.h"

/* Everything is borrowed. */
struct onnx_file_request {
    const struct network *network; /* with its weights */
    const struct export_notes *notes;
    enum onnx_layout layout;
    int pictures; /* to check it with; 0: it is not checked */
    const char *out;
};

struct onnx_file_result {
    int nodes; /* of the graph */
    int norms; /* norms that were folded */
    struct onnx_check check;
};

/* onnx_check_release(&result->check) if it succeeds. After a failure there is no new
   file. */
enum status onnx_file_write(struct onnx_file_result *result,
                            const struct onnx_file_request *request) MUST_CHECK;

#endif
