/*
 * onnx_graph: a trained network as a model of ONNX, from the pixels of images to the
 * probabilities of classes, with norms folded (nn/fold.h): what evaluation computes.
 *
 *   image          uint8 (N, H, W, C) or (N, C, H, W): images of the size that the
 * network was trained on. Scaling pictures to it, their colours and inversion are the
 * caller's logits         float (N, classes) probabilities  float (N, classes): their
 * softmax, or of images with several classes their sigmoid
 *
 * In between: the cast to floats, the crop and the shift of evaluation, x scale + offset
 * (loader_line), and the layers. Values are (N, C, H, W), or (N, C) behind flatten. A
 * layer's output is called "/NAME", its weights "NAME.weight", as in PyTorch.
 *
 * Opset 13 is the lowest in which Softmax takes one axis and Unsqueeze its axes as an
 * input; all operators used here are in it. hardswish (14) and gelu (20) are composed.
 */
#ifndef LOCKSTEP_APP_EXPORT_ONNX_GRAPH_H
#define LOCKSTEP_APP_EXPORT_ONNX_GRAPH_H

#include "app/export/notes.h"
#include "io/onnx.h"
#include "nn/fold.h"

#define ONNX_GRAPH_OPSET         13
#define ONNX_GRAPH_IMAGE         "image"
#define ONNX_GRAPH_LOGITS        "logits"
#define ONNX_GRAPH_PROBABILITIES "probabilities"

enum onnx_layout { ONNX_NHWC, ONNX_NCHW };
extern const char *const onnx_layout_words[]; /* "nhwc", "nchw"; NULL-terminated */

/* Everything is borrowed. */
struct onnx_graph_request {
    const struct network *network;
    const struct fold *fold; /* of the network */
    enum onnx_layout layout; /* of image */
    const struct export_notes *notes;
};

/* The caller releases the model, also after a failure. ST_USAGE: nothing of an image is
   left in the network's input. */
enum status onnx_graph_make(struct onnx_model *model,
                            const struct onnx_graph_request *request) MUST_CHECK;

/* The weights of the model, for onnx_write; valid as long as the fold. */
struct onnx_source onnx_graph_source(const struct fold *fold);

/* Has this kind of layer a form in ONNX? */
bool onnx_graph_has_form(const struct layer_ops *ops);

#endif
