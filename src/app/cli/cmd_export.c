/* lockstep export: a trained network, or its weights alone, for other programs. */
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include "app/cli/cli.h"
#include "app/cli/commands.h"
#include "app/export/onnx_file.h"
#include "app/export/weights.h"
#include "app/run/output.h"
#include "base/bytes.h"
#include "base/fs.h"
#include "base/log.h"
#include "base/mem.h"
#include "io/target.h"
#include "io/text.h"

#define EXPORT_ENDINGS "expected a name that ends in .onnx, .safetensors or .h5"

struct export_ask {
    const char *from, *to, *names, *layout, *licence;
    long long pictures; /* to check with; negative: not given */
    bool force;
    int words; /* enum onnx_layout */
};

/* A checkpoint that is exported. */
struct export_job {
    const struct export_ask *ask;
    struct network network;
    struct export_notes notes;
};

/* --- the formats --- */

static void job_print_licence(const struct export_job *job)
{
    if (!job->ask->licence)
        log_note("the file says that no licence of the weights is given; --licence gives "
                 "one");
}

static void job_print_onnx(const struct export_job *job,
                           const struct onnx_file_result *result)
{
    const struct network *network = &job->network;
    const struct checkpoint_info *info = &network->info;
    const struct shape *image = &info->shape;
    const char *out = job->ask->to;
    bool known = *info->treatment;
    bool last = job->ask->words == ONNX_NHWC;
    log_out("%-10s %s, step %llu%s\n", "checkpoint", network->checkpoint,
            (unsigned long long)info->progress.step,
            network->averaged ? ", averaged weights" : "");
    log_out(
        "%-10s image: uint8 (N, %d, %d, %d), %s; scale pictures to this size before\n",
        "input", last ? image->h : image->c, last ? image->w : image->h,
        last ? image->c : image->w, network_colour(*image));
    log_out("%-10s of the training's pictures %s%s\n", "treatment",
            known ? "is to be repeated: " : "is not recorded", info->treatment);
    log_out("%-10s logits, probabilities: float (N, %d)\n", "outputs", info->classes);
    if (network->config.run.eval.views != VIEW_SET_NONE)
        log_note("eval averages views of an image (eval.views = %s), the file answers to "
                 "the image as it is",
                 view_set_words[network->config.run.eval.views]);
    if (network_temperature(network) > 0)
        log_out("%-10s %.4f, by which the logits are divided\n", "temperature",
                network_temperature(network));
    if (result->check.pictures > 0)
        log_out("%-10s %d %s: probabilities differ by %.1e at most\n", "checked",
                result->check.pictures, result->check.what, result->check.most);
    else
        log_out("%-10s no: --verify 0\n", "checked");
    log_out("%s: ONNX, opset %d, %d nodes, %d norms folded, %s\n", out, ONNX_GRAPH_OPSET,
            result->nodes, result->norms, bytes_text((double)fs_bytes(out)).text);
}

static enum status job_write_onnx(struct export_job *job)
{
    const struct export_ask *ask = job->ask;
    struct onnx_file_result result;
    const struct onnx_file_request request = {
        .network = &job->network,
        .notes = &job->notes,
        .layout = (enum onnx_layout)ask->words,
        .pictures = ask->pictures < 0 ? ONNX_CHECK_PICTURES : (int)ask->pictures,
        .out = ask->to,
    };
    TRY(onnx_file_write(&result, &request));
    job_print_onnx(job, &result);
    onnx_check_release(&result.check);
    return ST_OK;
}

static enum status job_write_safetensors(struct export_job *job)
{
    return export_weights(&job->network, &job->notes, job->ask->names, ARRAYS_SAFETENSORS,
                          job->ask->to);
}

static enum status job_write_h5(struct export_job *job)
{
    return export_weights(&job->network, &job->notes, job->ask->names, ARRAYS_HDF5,
                          job->ask->to);
}

static const struct target_kind *job_onnx_kind(void)
{
    static const struct target_kind kind = {"an ONNX model", .by_words = true};
    return &kind;
}

static const struct target_kind *job_safetensors_kind(void)
{
    return export_weights_kind(ARRAYS_SAFETENSORS);
}

static const struct target_kind *job_h5_kind(void)
{
    return export_weights_kind(ARRAYS_HDF5);
}

/* By the end of the file's name. */
static const struct export_format {
    const char *ending;
    bool whole; /* the network, not the weights alone */
    const struct target_kind *(*kind)(void);
    enum status (*write)(struct export_job *job);
} export_formats[] = {
    {".onnx", true, job_onnx_kind, job_write_onnx},
    {".safetensors", false, job_safetensors_kind, job_write_safetensors},
    {".h5", false, job_h5_kind, job_write_h5},
};

static enum status export_find_format(const char *to, const struct export_format **format)
{
    if (!to)
        FAIL(ST_USAGE, "where to write is missing: --to FILE, " EXPORT_ENDINGS);
    for (size_t i = 0; i < sizeof export_formats / sizeof *export_formats; i++) {
        const char *ending = export_formats[i].ending;
        size_t length = strlen(to), end = strlen(ending);
        if (length > end && strcasecmp(to + length - end, ending) == 0) {
            *format = &export_formats[i];
            return ST_OK;
        }
    }
    FAIL(ST_USAGE, "'--to %s': this format is not known: " EXPORT_ENDINGS, to);
}

/* --- the command line --- */

static enum status export_check_options(struct export_ask *ask,
                                        const struct export_format *format)
{
    bool given = ask->layout || ask->pictures >= 0;
    if (!format->whole && given)
        FAIL(ST_USAGE, "%s is for .onnx: a file of weights has no input",
             ask->layout ? "--layout" : "--verify");
    if (format->whole && ask->names)
        FAIL(ST_USAGE, "--names is for files of weights: .safetensors and .h5");
    if (ask->pictures > ONNX_CHECK_MOST)
        FAIL(ST_USAGE, "'--verify %lld': expected a whole number from 0 to %d",
             ask->pictures, ONNX_CHECK_MOST);
    return cli_read_word("layout", ask->layout, onnx_layout_words, &ask->words);
}

/* What --licence says: a file's text, or the words themselves; the caller frees. */
static enum status export_read_licence(const char *licence, char **text)
{
    size_t bytes;
    *text = NULL;
    if (!licence)
        return ST_OK;
    bool path = strchr(licence, '/') && !strchr(licence, ' ') && !strstr(licence, "://");
    if (path || fs_is_file(licence))
        TRY(fs_read_text(licence, text, &bytes));
    else
        *text = mem_strdup(licence);
    if (!**text || !text_is_whole_utf8(*text)) {
        free(*text);
        FAIL(ST_USAGE, "'--licence %s': expected a text, or a file with one, in UTF-8",
             licence);
    }
    return ST_OK;
}

static enum status export_with(struct export_job *job, const struct export_format *format,
                               const char *licence)
{
    TRY(network_open(&job->network, job->ask->from));
    network_note_statistics(job->network.checkpoint, &job->network.info.progress);
    export_notes_init(&job->notes, &job->network, licence);
    enum status st = format->write(job);
    if (st == ST_OK)
        job_print_licence(job);
    export_notes_release(&job->notes);
    network_close(&job->network);
    return st;
}

static enum status export_run(struct export_ask *ask)
{
    const struct export_format *format = NULL;
    struct export_job job = {.ask = ask};
    char checkpoint[FS_PATH], *licence;
    TRY(export_find_format(ask->to, &format));
    TRY(export_check_options(ask, format));
    TRY(network_find(checkpoint, ask->from));
    const char *const inputs[] = {ask->from, checkpoint, ask->licence};
    TRY(output_check(ask->to, ask->force, format->kind(), inputs, 3));
    TRY(export_read_licence(ask->licence, &licence));
    enum status st = export_with(&job, format, licence);
    free(licence);
    return st;
}

static const char export_summary[] =
    "Write a trained network for other programs: the best checkpoint of a run, or a\n"
    "checkpoint, with averaged weights if it has some. The end of FILE's name says "
    "how:\n\n"
    "  .onnx         the whole network, from pixels to probabilities, checked by an\n"
    "                evaluation of the file\n"
    "  .safetensors  the weights, with PyTorch's shapes\n"
    "  .h5           the weights as arrays of HDF5\n\n"
    "In PyTorch, of the weights as safetensors, in a network of the same layers:\n\n"
    "    import torch\n"
    "    from safetensors import safe_open\n"
    "    with safe_open(\"model.safetensors\", \"pt\") as file:\n"
    "        notes = file.metadata()\n"
    "        arrays = {name: file.get_tensor(name) for name in file.keys()}\n"
    "    model.load_state_dict(arrays)\n"
    "    def numbers(key):\n"
    "        return torch.tensor([float(x) for x in notes[key].split(\",\")])\n"
    "    mean, std = numbers(\"lockstep.pixel_mean\"), numbers(\"lockstep.pixel_std\")\n"
    "    x = ((images - mean) / std).permute(0, 3, 1, 2)  # images: (N, H, W, C)\n"
    "    classes = notes[\"lockstep.classes\"].split(\"\\n\")";

enum status cmd_export(struct comm *comm, int argc, char **argv)
{
    struct export_ask ask = {.pictures = -1};
    const struct cli_option options[] = {
        {"to", CLI_TEXT, &ask.to, "FILE", "the file to write"},
        {"layout", CLI_TEXT, &ask.layout, "nhwc|nchw",
         ".onnx: order of the input's dimensions, channels last or first, default nhwc"},
        {"verify", CLI_INT, &ask.pictures, "N",
         ".onnx: compare the file's answers to N images of the training's data set (val, "
         "or test) with lockstep's; 0: do not; default 4"},
        {"names", CLI_TEXT, &ask.names, EXPORT_NAMES, "weights: " EXPORT_NAMES_HELP},
        {"licence", CLI_TEXT, &ask.licence, "TEXT|FILE",
         "the licence of the weights, which the file then holds"},
        {"force", CLI_FLAG, &ask.force, NULL, "replace FILE if it exists"},
        {0},
    };
    const struct cli_command command = {"export", "RUN", 1, 1, export_summary};
    int count;
    (void)comm;
    TRY(cli_parse(&command, options, argc, argv, &ask.from, &count));
    return count < 0 ? ST_OK : export_run(&ask);
}
