#include <math.h>
#include <stdlib.h>

#include "app/cli/cli.h"
#include "app/cli/commands.h"
#include "app/run/network.h"
#include "base/log.h"
#include "base/mem.h"
#include "data/import_treatment.h"
#include "io/image.h"
#include "nn/workspace.h"

#define TOP        3 /* classes printed */
#define IMAGES_MAX 4096
#define INK        64 /* the least value of a pixel that is not background */

struct predict_request {
    const char *operand[IMAGES_MAX + 1];
    int operands;
    bool crop;
};

struct predictor {
    const struct network *network;
    struct dataset_treatment treatment; /* of the images it was trained on */
    bool crop;
};

/* Cuts a light on dark image to the rectangle of its light pixels. */
static void predict_crop_to_ink(struct image *image)
{
    int top = image->h, bottom = -1, left = image->w, right = -1;
    for (int y = 0; y < image->h; y++) {
        for (int x = 0; x < image->w; x++) {
            if (image->pixel[y * image->w + x] < INK)
                continue;
            top = y < top ? y : top;
            bottom = y;
            left = x < left ? x : left;
            right = x > right ? x : right;
        }
    }
    if (bottom < 0)
        return;
    int h = bottom - top + 1, w = right - left + 1;
    for (int y = 0; y < h; y++)
        for (int x = 0; x < w; x++)
            image->pixel[y * w + x] = image->pixel[(top + y) * image->w + left + x];
    image->h = h;
    image->w = w;
}

/* Scales as the built-in letters and MNIST are: the longer side of the ink is 5/7 of the
   image (20 of 28 pixels). */
static void predict_fit_ink(struct image *image, int h, int w, uint8_t *out)
{
    int inner_h = h * 5 / 7 > 0 ? h * 5 / 7 : 1, inner_w = w * 5 / 7 > 0 ? w * 5 / 7 : 1;
    uint8_t *inner = mem_zeroed((size_t)inner_h * (size_t)inner_w, 1);
    predict_crop_to_ink(image);
    image_fit(image, IMAGE_PAD, &(const uint8_t){0}, inner_h, inner_w, inner);
    for (int i = 0; i < h * w; i++)
        out[i] = 0;
    int top = (h - inner_h) / 2, left = (w - inner_w) / 2;
    for (int y = 0; y < inner_h; y++)
        for (int x = 0; x < inner_w; x++)
            out[(top + y) * w + left + x] = inner[y * inner_w + x];
    free(inner);
}

static void predict_print_top(const struct network *network, const char *path,
                              const char *how, const float *logprobs)
{
    int classes = network->info.classes;
    bool *printed = mem_zeroed((size_t)classes, sizeof *printed);
    log_out("%s%s:", path, how);
    for (int k = 0; k < TOP && k < classes; k++) {
        int best = -1;
        for (int c = 0; c < classes; c++)
            if (!printed[c] && (best < 0 || logprobs[c] > logprobs[best]))
                best = c;
        printed[best] = true;
        log_out("  %s %.1f %%", network->info.class_name[best],
                100 * exp((double)logprobs[best]));
    }
    log_out("\n");
    free(printed);
}

/* Light on dark, cut to the ink. Returns whether the image was inverted. */
static bool predict_treat_ink(const struct dataset_treatment *treatment,
                              struct image *image, struct shape shape, uint8_t *out)
{
    bool invert =
        treatment->invert == TREATMENT_INVERT ||
        (treatment->invert == TREATMENT_INVERT_EACH && image_is_dark_on_light(image));
    image_to_channels(image, 1);
    if (invert)
        image_invert(image);
    predict_fit_ink(image, shape.h, shape.w, out);
    return invert;
}

static enum status predict_one(const struct predictor *predictor, struct workspace *ws,
                               const char *path)
{
    const struct network *network = predictor->network;
    const struct dataset_treatment *treatment = &predictor->treatment;
    const struct shape shape = network->info.shape;
    const struct image_options options =
        treatment_reader(treatment, predictor->crop ? NULL : &shape);
    struct image image;
    TRY(image_read_file(&image, path, &options, NULL));
    uint8_t *pixel = mem_zeroed(dataset_image_bytes(shape), 1);
    bool inverted = (predictor->crop ? predict_treat_ink
                                     : treatment_apply)(treatment, &image, shape, pixel);
    for (int i = 0; i < shape_size(shape); i++)
        ws->activation[0][i] = (float)pixel[i];
    const struct loader_input input = network_input(network);
    loader_normalise(&input, shape, ws->activation[0]);
    const struct grain_pass pass = {
        .team = {.size = 1}, .n = 1, .params = network->params};
    model_forward(&network->model, ws, &pass);
    bool by_border = treatment->invert == TREATMENT_INVERT_EACH;
    predict_print_top(network, path,
                      !inverted   ? ""
                      : by_border ? " (dark on light, inverted)"
                                  : " (inverted, as the training images were)",
                      ws->logprobs);
    free(pixel);
    image_release(&image);
    return ST_OK;
}

/* An image that cannot be read does not stop the others. */
static enum status predict_all(const struct network *network,
                               const struct predict_request *request)
{
    struct workspace ws;
    struct predictor predictor = {.network = network, .crop = request->crop};
    enum status worst = ST_OK;
    if (!treatment_parse(&predictor.treatment, network->info.treatment))
        FAIL(ST_FAIL, "'%s' has a 'treatment' of pictures that cannot be understood",
             network->checkpoint);
    if (request->crop && network->info.shape.c != 1)
        FAIL(ST_USAGE, "--crop looks for light ink: it is for networks of grey images");
    workspace_init(&ws, &network->model);
    for (int i = 1; i < request->operands; i++) {
        enum status st = predict_one(&predictor, &ws, request->operand[i]);
        worst = st > worst ? st : worst;
    }
    workspace_release(&ws);
    return worst;
}

enum status cmd_predict(struct comm *comm, int argc, char **argv)
{
    (void)comm;
    static struct predict_request request;
    const struct cli_option options[] = {
        {"crop", CLI_FLAG, &request.crop, NULL,
         "cut to the ink and scale its longer side to 5/7 of the frame, as in the "
         "built-in letters and MNIST"},
        {0},
    };
    const struct cli_command command = {
        "predict", "CHECKPOINT IMAGE...", 2, IMAGES_MAX + 1,
        "Classify pictures (PNG, JPEG, WebP, TIFF), and print "
        "the three most likely classes of\neach. A "
        "picture is treated as the import treated those "
        "that the network was trained\non: size, fit, "
        "colour, inversion."};
    TRY(cli_parse(&command, options, argc, argv, request.operand, &request.operands));
    if (request.operands < 0)
        return ST_OK;
    struct network network;
    TRY(network_open(&network, request.operand[0]));
    enum status st = predict_all(&network, &request);
    network_close(&network);
    return st;
}
