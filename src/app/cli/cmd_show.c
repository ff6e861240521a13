#include <stdlib.h>
#include <string.h>

#include "app/cli/cli.h"
#include "app/cli/commands.h"
#include "app/config/config.h"
#include "app/run/network.h"
#include "app/run/run_files.h"
#include "base/fs.h"
#include "base/hash.h"
#include "base/log.h"
#include "base/mem.h"
#include "base/shell.h"
#include "cmd_data.h"
#include "io/h5file.h"
#include "io/kind.h"
#include "kernels/cpu.h"
#include "lab/scaling.h"
#include "nn/named_network.h"
#include "plan_print.h"
#include "train/checkpoint.h"
#include "train/metric.h"
#include "train/metrics.h"

#define SHOW_CLASSES 40 /* names that are printed */

static void show_print_key(const char *line)
{
    log_out(" %s", line);
}

static enum status show_config(const struct checkpoint_info *info, const char *path)
{
    struct config config;
    config_init(&config);
    enum status st = config_parse(&config, info->config, path);
    if (st == ST_OK) {
        log_out("config      changed from the defaults:");
        config_show_changed(&config, show_print_key);
        log_out("\n");
    }
    config_release(&config);
    return st;
}

static void show_input(const struct network *network, const char *hash)
{
    const struct checkpoint_info *info = &network->info;
    const struct shape *shape = &info->shape, *in = &network->model.in;
    log_out("\ndata        %dx%d %s images, mean", shape->h, shape->w,
            network_colour(*shape));
    for (int c = 0; c < shape->c; c++)
        log_out(" %.4f", info->mean[c]);
    log_out(", std");
    for (int c = 0; c < shape->c; c++)
        log_out(" %.4f", info->std[c]);
    log_out(", hash %s\n", hash);
    if (!shape_equal(*shape, *in))
        log_out("input       %dx%d: the centre of each image\n", in->h, in->w);
    if (*info->treatment)
        log_out("pictures    %s\n", info->treatment);
}

/* The first ones of many. */
static void show_classes(const struct checkpoint_info *info, bool sets)
{
    int shown = info->classes > SHOW_CLASSES ? SHOW_CLASSES : info->classes;
    log_out("classes     %d%s:", info->classes,
            sets ? ", several or none for each image" : "");
    for (int i = 0; i < shown; i++)
        log_out(" %s", info->class_name[i]);
    if (shown < info->classes)
        log_out(" ... and %d more", info->classes - shown);
}

static void show_best(const struct network *network)
{
    const struct progress *progress = &network->info.progress;
    enum metric metric = (enum metric)network->config.run.train.metric;
    char *text = metric_text(metric, progress->best_score);
    log_out("best        %s at step %llu\n", text,
            (unsigned long long)progress->best_step);
    free(text);
}

static enum status show_checkpoint(const char *path)
{
    struct network network;
    char data[17], state[17], statistics[NETWORK_STATISTICS];
    TRY(network_check(&network, path));
    const struct checkpoint_info *info = &network.info;
    const struct progress *progress = &info->progress;
    hash_text(info->data_hash, data);
    hash_text(info->state, state);
    log_out("%s: a checkpoint\n", path);
    log_out("step        %llu, epoch %.2f, state=%s\n",
            (unsigned long long)progress->step, progress->epoch, state);
    if (progress->evaluated_step > 0)
        show_best(&network);
    network_statistics_text(progress, statistics);
    log_out("weights     %s%s%s\n", network.averaged ? "last and averaged (EMA)" : "last",
            *statistics ? ", with " : "", statistics);
    if (info->temperature > 0)
        log_out("temperature %.4f of its probabilities (eval --calibrate)\n",
                info->temperature);
    show_classes(info, network.model.multi_label);
    show_input(&network, data);
    log_out("written by  lockstep %s%s%s%s%s, %s kernels\n", info->lockstep,
            *info->mpi ? ", " : "", info->mpi, *info->blas ? ", " : "", info->blas,
            info->isa);
    if (*info->bits)
        log_out("bits        %s\n", info->bits);
    if (*info->plan)
        log_out("plan        %s\n", info->plan);
    log_out("here        %s, %s, %s kernels\n", cpu_model(), cpu_blas(),
            cpu_isa_name(cpu_isa()));
    enum status st = show_config(info, path);
    log_out("\n");
    model_print(&network.model);
    network_close(&network);
    return st;
}

static enum status show_metrics(const char *path)
{
    struct h5file *file;
    struct h5file_info trains, evals;
    static const char precisions[] = "/metrics/eval/average_precision";
    double *accuracy = NULL, *loss = NULL, *precision = NULL;
    uint64_t *step = NULL;
    TRY(h5file_open(&file, path));
    enum status st;
    TRY_TO(out, h5file_info(file, "/metrics/train/step", &trains));
    TRY_TO(out, h5file_info(file, "/metrics/eval/step", &evals));
    log_out("%s: metrics of a run, %zu log lines and %zu evaluations\n", path,
            trains.count, evals.count);
    step = mem_zeroed(evals.count, sizeof *step);
    loss = mem_zeroed(evals.count, sizeof *loss);
    accuracy = mem_zeroed(evals.count, sizeof *accuracy);
    TRY_TO(out, h5file_read(file, "/metrics/eval/step", H5FILE_U64, evals.count, step));
    TRY_TO(out, h5file_read(file, "/metrics/eval/loss", H5FILE_F64, evals.count, loss));
    TRY_TO(out, h5file_read(file, "/metrics/eval/accuracy", H5FILE_F64, evals.count,
                            accuracy));
    if (h5file_has(file, precisions)) { /* images have several classes */
        precision = mem_zeroed(evals.count, sizeof *precision);
        TRY_TO(out, h5file_read(file, precisions, H5FILE_F64, evals.count, precision));
    }
    for (size_t i = 0; i < evals.count; i++) {
        log_out("  eval step %llu loss %.4f accuracy %.2f %%",
                (unsigned long long)step[i], loss[i], 100 * accuracy[i]);
        if (precision)
            log_out(" average precision %.2f %%", 100 * precision[i]);
        log_out("\n");
    }
out:
    free(precision);
    free(step);
    free(loss);
    free(accuracy);
    h5file_close(file);
    return st;
}

static enum status show_plan(const char *path)
{
    struct scaling *scaling = mem_zeroed(1, sizeof *scaling);
    struct scaling_record record;
    enum status st = scaling_read(path, scaling, &record);
    if (st == ST_OK) {
        log_out("%s: a plan\n%-10s lockstep %s\n", path, "written by", record.lockstep);
        plan_print_header(scaling);
        log_out("\n");
        plan_print_tables(scaling, record.strong, record.weak, record.count);
        scaling_record_release(&record);
    }
    free(scaling);
    return st;
}

static enum status show_run(const char *folder)
{
    char path[FS_PATH], checkpoints[FS_PATH], **paths;
    int count;
    TRY(fs_join(checkpoints, folder, RUN_CHECKPOINTS));
    TRY(fs_join(path, folder, RUN_METRICS));
    if (!fs_is_folder(checkpoints))
        FAIL(ST_FAIL, "'%s' is a folder but not a run: it has no 'checkpoints'", folder);
    log_out("%s: a run\n", folder);
    if (fs_is_file(path))
        TRY(show_metrics(path));
    TRY(checkpoint_list(checkpoints, &paths, &count));
    for (int i = 0; i < count; i++)
        log_out("  %s\n", paths[i]);
    fs_free_list(paths, count);
    TRY(network_find(path, folder));
    log_out("\n");
    enum status st = show_checkpoint(path);
    if (st != ST_OK)
        network_tell_whole(folder);
    return st;
}

/* Every file of lockstep except a data set has a root attribute "format". */
static const struct show_format {
    const char *format;
    enum status (*show)(const char *path);
} show_formats[] = {
    {CHECKPOINT_FORMAT, show_checkpoint},
    {METRICS_FORMAT, show_metrics},
    {SCALING_FORMAT, show_plan},
};

static enum status show_by_format(const char *path, const char *format)
{
    for (size_t i = 0; i < sizeof show_formats / sizeof *show_formats; i++)
        if (strcmp(format, show_formats[i].format) == 0)
            return show_formats[i].show(path);
    log_out("%s: %s\n", path, format);
    return ST_OK;
}

/* What has nothing to show before it is trained. */
static enum status show_check_network(const char *path)
{
    const char *end = strrchr(path, '.');
    struct kind kind;
    if (!fs_is_file(path) && named_network_find(path))
        FAIL(ST_USAGE,
             "'%s' is a network by name: 'lockstep models %s' prints its config, "
             "'lockstep train %s --data FILE --check' its layers",
             path, path, path);
    if (!fs_is_file(path) || !end || strcmp(end, ".conf") != 0)
        return ST_OK;
    TRY(kind_of_file(path, &kind));
    if (kind.class != KIND_TEXT)
        return ST_OK;
    char *word = shell_path(path);
    enum status st = status_fail(
        ST_USAGE, "'%s' is a config: 'lockstep train %s --check' prints what it trains",
        path, word);
    free(word);
    return st;
}

static enum status show_file(const char *path)
{
    struct h5file *file;
    char *format = NULL;
    TRY(show_check_network(path));
    TRY(h5file_open(&file, path));
    bool dataset = h5file_has(file, "/train/images");
    bool features = h5file_has(file, "/features");
    enum status st = ST_OK;
    if (h5file_has_attr(file, "/", "format"))
        st = h5file_get_text(file, "/", "format", &format);
    h5file_close(file);
    TRY(st);
    if (dataset)
        st = cmd_data_print_info(path, false);
    else if (format)
        st = show_by_format(path, format);
    else if (features)
        log_out("%s: a file of kept features\n", path);
    else
        st =
            status_fail(ST_FAIL, "'%s' is an HDF5 file, but not one of lockstep's", path);
    free(format);
    return st;
}

enum status cmd_show(struct comm *comm, int argc, char **argv)
{
    (void)comm;
    const struct cli_option options[] = {{0}};
    const struct cli_command command = {
        "show", "FILE", 1, 1,
        "Print what a run's folder, a checkpoint, a data set or a plan holds."};
    const char *path;
    int count;
    TRY(cli_parse(&command, options, argc, argv, &path, &count));
    if (count < 0)
        return ST_OK;
    return fs_is_folder(path) ? show_run(path) : show_file(path);
}
