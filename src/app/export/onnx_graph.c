#include "app/export/onnx_graph.h"

#include <stdlib.h>
#include <string.h>

#include "app/version.h"
#include "base/mem.h"
#include "data/loader.h"
#include "onnx_build.h"

#define GRAPH_INPUT "input" /* the name of preprocessing: no layer can have it */

const char *const onnx_layout_words[] = {
    [ONNX_NHWC] = "nhwc", [ONNX_NCHW] = "nchw", NULL};

bool onnx_graph_has_form(const struct layer_ops *ops)
{
    return onnx_form_of(ops) != NULL;
}

/* --- weights --- */

static void graph_give(void *context, int given, float *values)
{
    const struct fold *fold = context;
    const struct layer *layer = fold->model.layer[given / LAYER_TENSORS];
    int t = given % LAYER_TENSORS;
    const float *memory = fold->params + layer->tensor[t].offset;
    if (layer->ops->to_file)
        layer->ops->to_file(layer, t, memory, values);
    else
        memcpy(values, memory, layer->tensor[t].count * sizeof *values);
}

struct onnx_source onnx_graph_source(const struct fold *fold)
{
    return (struct onnx_source){graph_give, (void *)(uintptr_t)fold};
}

/* --- from pixels to the network's input --- */

/* One side of the network's input: pixels [from, from + count) of an image, with zeros
   before and behind them. */
struct graph_side {
    int64_t from, count, before, behind;
};

/* The middle `size` of `extent` pixels, moved by `shift`. */
static struct graph_side graph_side(int extent, int size, int shift)
{
    struct graph_side side = {.from = view_centre(extent, size)};
    side.before = shift > 0 ? shift : 0;
    side.behind = shift < 0 ? -shift : 0;
    side.from += side.behind;
    side.count = size - side.before - side.behind;
    return side;
}

static const char *graph_crop(struct onnx_build *build, const char *x,
                              const struct graph_side *rows,
                              const struct graph_side *columns)
{
    const int64_t axes[] = {2, 3}, begin[] = {rows->from, columns->from};
    const int64_t end[] = {rows->from + rows->count, columns->from + columns->count};
    const char *starts = onnx_build_ints(build, GRAPH_INPUT, "starts", 2, begin);
    const char *ends = onnx_build_ints(build, GRAPH_INPUT, "ends", 2, end);
    const char *list = onnx_build_ints(build, GRAPH_INPUT, "axes", 2, axes);
    return onnx_build_node(build, "Slice", GRAPH_INPUT, "Slice",
                           ONNX_NODE_INPUTS(x, starts, ends, list))
        ->output;
}

static const char *graph_move(struct onnx_build *build, const char *x,
                              const struct graph_side *rows,
                              const struct graph_side *columns)
{
    const int64_t pads[] = {0, 0, rows->before, columns->before,
                            0, 0, rows->behind, columns->behind};
    const char *list = onnx_build_ints(build, GRAPH_INPUT, "pads", 8, pads);
    return onnx_build_node(build, "Pad", GRAPH_INPUT, "Pad", ONNX_NODE_INPUTS(x, list))
        ->output;
}

/* The images' pixels as floats, (N, C, H, W). */
static const char *graph_pixels(struct onnx_build *build, enum onnx_layout layout)
{
    const int64_t order[] = {0, 3, 1, 2};
    struct onnx_node *node = onnx_build_node(build, "Cast", GRAPH_INPUT, "Cast",
                                             ONNX_NODE_INPUTS(ONNX_GRAPH_IMAGE));
    onnx_node_int(node, "to", ONNX_FLOAT);
    if (layout == ONNX_NCHW)
        return node->output;
    node = onnx_build_node(build, "Transpose", GRAPH_INPUT, "Transpose",
                           ONNX_NODE_INPUTS(node->output));
    onnx_node_ints(node, "perm", 4, order);
    return node->output;
}

/* Black comes in where the image is moved away, and is then normalised as all pixels. */
static enum status graph_input(struct onnx_build *build,
                               const struct onnx_graph_request *request)
{
    const struct network *network = request->network;
    const struct loader_input input = network_input(network);
    const struct shape *image = &network->info.shape, *in = &network->model.in;
    const struct graph_side rows = graph_side(image->h, in->h, input.crop.shift_y);
    const struct graph_side columns = graph_side(image->w, in->w, input.crop.shift_x);
    float scale[DATASET_CHANNELS], offset[DATASET_CHANNELS];
    if (rows.count <= 0 || columns.count <= 0)
        FAIL(ST_USAGE,
             "'%s' moves images by %d,%d pixels (data.shift_x, data.shift_y): nothing of "
             "them is left in its input %dx%d",
             network->checkpoint, input.crop.shift_x, input.crop.shift_y, in->h, in->w);
    const char *x = graph_pixels(build, request->layout);
    if (rows.count < image->h || columns.count < image->w)
        x = graph_crop(build, x, &rows, &columns);
    if (rows.count < in->h || columns.count < in->w)
        x = graph_move(build, x, &rows, &columns);
    loader_line(&input, in->c, scale, offset);
    const char *factor =
        onnx_build_channels(build, GRAPH_INPUT, "scale", ONNX_IMAGE, in->c, scale);
    const char *term =
        onnx_build_channels(build, GRAPH_INPUT, "offset", ONNX_IMAGE, in->c, offset);
    x = onnx_build_node(build, "Mul", GRAPH_INPUT, "Mul", ONNX_NODE_INPUTS(x, factor))
            ->output;
    x = onnx_build_node(build, "Add", GRAPH_INPUT, "Add", ONNX_NODE_INPUTS(x, term))
            ->output;
    build->place[0] = (struct onnx_place){mem_strdup(x), ONNX_IMAGE};
    return ST_OK;
}

/* --- from the last layer's input to the answers --- */

/* A node whose output is one of the graph's. */
static void graph_answer(struct onnx_build *build, const char *op, const char *input,
                         const char *name)
{
    struct onnx_node *node = onnx_add_node(build->model, op, name, name);
    onnx_node_input(node, input);
    if (strcmp(op, "Softmax") == 0)
        onnx_node_int(node, "axis", 1);
}

/* Divided by the temperature, if there is one (train/calibration.h). */
static void graph_logits(struct onnx_build *build, const struct layer *last,
                         double temperature)
{
    const char *logits = onnx_build_input(build, last, 0, ONNX_FLAT);
    if (!(temperature > 0)) {
        graph_answer(build, "Identity", logits, ONNX_GRAPH_LOGITS);
        return;
    }
    const char *divisor =
        onnx_build_number(build, ONNX_GRAPH_LOGITS, "temperature", (float)temperature);
    struct onnx_node *node =
        onnx_add_node(build->model, "Div", ONNX_GRAPH_LOGITS, ONNX_GRAPH_LOGITS);
    onnx_node_input(node, logits);
    onnx_node_input(node, divisor);
}

/* --- the whole --- */

static void graph_layers(struct onnx_build *build, double temperature)
{
    const struct model *net = build->net;
    const struct layer *last = net->layer[net->layers - 1];
    for (build->layer = 0; build->layer < net->layers - 1; build->layer++) {
        const struct layer *layer = net->layer[build->layer];
        const struct onnx_form *form = onnx_form_of(layer->ops);
        ASSERT(form && form->emit);
        form->emit(build, layer, form);
    }
    const struct onnx_form *form = onnx_form_of(last->ops);
    ASSERT(form && form->probabilities);
    graph_logits(build, last, temperature);
    graph_answer(build, form->probabilities, ONNX_GRAPH_LOGITS, ONNX_GRAPH_PROBABILITIES);
}

static void graph_values(struct onnx_model *model,
                         const struct onnx_graph_request *request)
{
    const struct shape *image = &request->network->info.shape;
    char logits[] = ONNX_GRAPH_LOGITS, probabilities[] = ONNX_GRAPH_PROBABILITIES;
    char name[] = ONNX_GRAPH_IMAGE;
    struct onnx_value input = {.name = name,
                               .type = ONNX_UINT8,
                               .dims = 4,
                               .dim = {ONNX_ANY, image->h, image->w, image->c}};
    struct onnx_value output = {
        .type = ONNX_FLOAT, .dims = 2, .dim = {ONNX_ANY, request->network->info.classes}};
    if (request->layout == ONNX_NCHW) {
        input.dim[1] = image->c;
        input.dim[2] = image->h;
        input.dim[3] = image->w;
    }
    onnx_add_input(model, &input);
    output.name = logits;
    onnx_add_output(model, &output);
    output.name = probabilities;
    onnx_add_output(model, &output);
}

static char *graph_doc(const struct onnx_graph_request *request)
{
    const struct network *network = request->network;
    const struct shape *image = &network->info.shape;
    bool grey = image->c == 1, sets = network->model.multi_label;
    return mem_format(
        "Image classifier, trained and exported by lockstep. Input 'image': uint8, %s, "
        "%s images of %d x %d pixels%s, 0 is black and 255 white. Scale pictures to this "
        "size before, and treat them as those of the training were (lockstep.treatment "
        "in the metadata); mean and standard deviation are in the graph. Outputs: "
        "'logits' and 'probabilities' (%s) of the classes in lockstep.classes, one a "
        "line.",
        request->layout == ONNX_NHWC ? "(N, height, width, channels)"
                                     : "(N, channels, height, width)",
        grey ? "grey" : "RGB", image->h, image->w,
        image->h == image->w ? "" : " (height x width)",
        sets ? "sigmoid: an image may have several classes, or none" : "softmax");
}

enum status onnx_graph_make(struct onnx_model *model,
                            const struct onnx_graph_request *request)
{
    const struct model *net = &request->fold->model;
    struct onnx_build build = {
        .model = model, .net = net, .params = request->fold->params};
    *model = (struct onnx_model){.opset = ONNX_GRAPH_OPSET,
                                 .producer = mem_strdup("lockstep"),
                                 .version = mem_strdup(app_version()),
                                 .name = mem_strdup("network"),
                                 .doc = graph_doc(request)};
    for (int i = 0; i < request->notes->count; i++)
        onnx_add_text(model, request->notes->note[i].key, request->notes->note[i].text);
    onnx_add_text(model, "lockstep.layout", onnx_layout_words[request->layout]);
    graph_values(model, request);
    build.place = mem_zeroed((size_t)net->layers + 1, sizeof *build.place);
    enum status st = graph_input(&build, request);
    if (st == ST_OK)
        graph_layers(&build, network_temperature(request->network));
    for (int i = 0; i <= net->layers; i++)
        free(build.place[i].name);
    free(build.place);
    return st;
}
