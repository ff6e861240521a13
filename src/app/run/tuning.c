#include "app/run/tuning.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "app/cli/commands.h"
#include "app/run/load.h"
#include "base/grain.h"
#include "base/hash.h"
#include "base/log.h"
#include "base/mem.h"
#include "base/parse.h"
#include "comm/comm.h"
#include "kernels/cpu.h"

#define STEP_SECONDS 0.05 /* that a candidate is timed for, at least, in each round */
#define WORTH        60   /* seconds that a run must take for its plan to be measured */
#define FIRST_LINE   "lockstep plan 3"
#define BUSY         0.5 /* load average for each CPU */

static const char *const mode_words[] = {"off", "cached", "force"};

enum status tuning_read_mode(const char *text, enum tuning_mode *mode)
{
    for (int i = 0; i < 3; i++) {
        if (strcmp(text, mode_words[i]) != 0)
            continue;
        *mode = (enum tuning_mode)i;
        return ST_OK;
    }
    FAIL(ST_USAGE, "'--tune %s': expected off, cached or force", text);
}

void tuning_rule(const struct parallel_options *options, int threads,
                 struct parallel_plan *plan)
{
    int intra = options->intra;
    plan_init(plan, threads);
    if (intra == INTRA_BATCH)
        plan->teams = false;
    if (intra == INTRA_CHANNEL)
        plan->lanes = 1;
    if (intra == INTRA_HYBRID)
        plan->lanes = (threads + 1) / 2;
    snprintf(plan->reduce, sizeof plan->reduce, "%s", comm_tree_names[options->reduce]);
}

/* --- what was measured before --- */

static void say(struct tuning *tuning, const char *source)
{
    snprintf(tuning->source, sizeof tuning->source, "%s", source);
}

/* All that decides the times, a line each; the caller frees. */
static char *key_text(const struct trainer_setup *setup, int threads)
{
    const struct model *model = setup->model;
    const struct train_options *train = &setup->options->train;
    char *network = mem_strdup("");
    for (int s = 0; s < model->ops; s++) {
        const struct layer *step = model->op[s];
        char *longer = mem_format("%s %s:%dx%dx%d:%zu", network, step->name, step->out.h,
                                  step->out.w, step->out.c, step->save);
        free(network);
        network = longer;
    }
    char *key =
        mem_format("cpu %s, %d of %d, %s kernels\nlibraries %s, %s, lockstep %s\n"
                   "world %d ranks, %d here, %d threads\nbatch %d, grain %d\n"
                   "network %dx%dx%d%s, %zu parameters\n",
                   cpu_model(), cpu_allowed(), cpu_online(), cpu_isa_name(cpu_isa()),
                   cpu_blas(), comm_version(), setup->version, comm_size(setup->comm),
                   comm_node_size(setup->comm), threads, train->batch, model->grain,
                   model->in.h, model->in.w, model->in.c, network, model->params);
    free(network);
    return key;
}

/* Of the key's file. Returns false where there is no home for it. */
static bool cache_path(const char *key, char folder[FS_PATH], char path[FS_PATH])
{
    const char *cache = getenv("XDG_CACHE_HOME"), *home = getenv("HOME");
    char hash[17];
    int n = 0;
    hash_text(hash_bytes(key, strlen(key), 0), hash);
    if (cache && *cache == '/')
        n = snprintf(folder, FS_PATH, "%s/lockstep", cache);
    else if (home && *home == '/')
        n = snprintf(folder, FS_PATH, "%s/.cache/lockstep", home);
    if (n <= 0 || n > FS_PATH - 32)
        return false;
    snprintf(path, FS_PATH, "%s/plan-%s", folder, hash);
    return true;
}

static bool algorithm_known(const char *name)
{
    for (int i = 0; comm_tree_names[i]; i++)
        if (strcmp(comm_tree_names[i], name) == 0)
            return true;
    return false;
}

/* What was kept, for all ranks. Plain data. */
struct kept {
    bool found;
    struct parallel_plan plan;
    char when[64]; /* "2026-11-22 19:40, load average 0.31" */
};

/* A file: FIRST_LINE, the key, the plan, when it was measured. Whatever else is there is
   not looked at. */
static void cache_read(const struct model *model, const char *key, int threads,
                       struct kept *kept)
{
    char folder[FS_PATH], path[FS_PATH], *text;
    size_t bytes;
    if (!cache_path(key, folder, path) || !fs_is_file(path) || fs_bytes(path) > 1 << 20)
        return;
    if (fs_read_text(path, &text, &bytes) != ST_OK)
        return;
    char *head = mem_format("%s\n%s", FIRST_LINE, key);
    size_t length = strlen(head);
    if (strncmp(text, head, length) == 0) {
        char *rest = text + length, *plan = strsep(&rest, "\n");
        const char *when = rest ? strsep(&rest, "\n") : "";
        kept->found = plan_read(&kept->plan, model, plan) &&
                      kept->plan.threads <= threads && algorithm_known(kept->plan.reduce);
        snprintf(kept->when, sizeof kept->when, "%s", when);
    }
    if (!kept->found)
        log_note("'%s' is damaged or of another key: it is not used", path);
    free(head);
    free(text);
}

static enum status cache_put(const char *path, const char *key, const char *plan,
                             const char *when)
{
    char temp[FS_PATH];
    TRY(fs_temp_name(temp, path));
    FILE *file = fopen(temp, "w");
    if (!file)
        FAIL(ST_FAIL, "cannot write '%s': %s", temp, strerror(errno));
    bool good = fprintf(file, "%s\n%s%s\n%s\n", FIRST_LINE, key, plan, when) > 0;
    good = fflush(file) == 0 && good;
    fclose(file);
    if (!good) {
        remove(temp);
        FAIL(ST_FAIL, "cannot write '%s'", temp);
    }
    return fs_commit(temp, path);
}

/* A plan that cannot be kept is used all the same. */
static void cache_write(const struct model *model, const char *key,
                        const struct parallel_plan *plan, double load)
{
    char folder[FS_PATH], path[FS_PATH], when[64], trouble[STATUS_TEXT];
    if (!cache_path(key, folder, path))
        return;
    char *text = plan_text(plan, model);
    time_t now = time(NULL);
    struct tm local;
    size_t n = strftime(when, sizeof when, "%Y-%m-%d %H:%M", localtime_r(&now, &local));
    snprintf(when + n, sizeof when - n, ", load average %.2f", load);
    status_capture(trouble);
    enum status st = fs_make_folder(folder);
    if (st == ST_OK)
        st = cache_put(path, key, text, when);
    status_capture(NULL);
    if (st != ST_OK)
        log_note("the plan is not kept: %s", trouble);
    free(text);
}

/* --- measuring --- */

/* A run of its own that leaves nothing behind. */
static enum status step_seconds(const void *context, const struct parallel_plan *plan,
                                double *seconds)
{
    struct trainer_setup setup = *(const struct trainer_setup *)context;
    struct run_options options = *setup.options;
    options.optim.lr = 0; /* what would diverge does not: all steps are alike */
    setup.options = &options;
    setup.plan = plan;
    setup.folder = NULL;
    setup.lock = NULL;
    setup.deadline = 0;
    struct trainer *trainer = trainer_create(&setup);
    enum status st;
    double once = 0;
    trainer_start(trainer);
    TRY_TO(out, trainer_time_steps(trainer, 1, false, &once)); /* warm up */
    TRY_TO(out, trainer_time_steps(trainer, 1, false, &once));
    comm_max_f64(setup.comm, &once, 1);
    int count = once < STEP_SECONDS ? (int)(STEP_SECONDS / once) + 1 : 1;
    TRY_TO(out, trainer_time_steps(trainer, count, false, seconds));
    *seconds /= count;
out:
    trainer_free(trainer);
    return st;
}

static enum status measure(const struct tune_job *job, struct tuning *tuning)
{
    double begin = timer_now();
    tuning->result = mem_zeroed(1, sizeof *tuning->result);
    TRY(tune_search(job, tuning->result));
    tuning->plan = tuning->result->candidate[tuning->result->chosen].plan;
    say(tuning, "measured now");
    tuning->seconds = timer_now() - begin;
    return ST_OK;
}

/* Steps in the whole run, at the rule's speed. */
static enum status run_seconds(const struct trainer_setup *setup,
                               const struct parallel_plan *rule, double *seconds)
{
    const struct train_options *train = &setup->options->train;
    uint64_t images = setup->dataset->info.count[DATASET_TRAIN];
    uint64_t batch = (uint64_t)train->batch;
    double steps = train->steps > 0
                       ? (double)train->steps
                       : (double)((images + batch - 1) / batch) * train->epochs;
    TRY(step_seconds(setup, rule, seconds));
    *seconds *= steps;
    comm_max_f64(setup->comm, seconds, 1);
    return ST_OK;
}

/* One plan serves all ranks only if all have the same threads. */
static bool alike(struct comm *comm, int threads)
{
    double most[] = {threads, -threads};
    comm_max_f64(comm, most, 2);
    return most[0] + most[1] == 0;
}

/* Every lane has activations and gradients of its own. */
static void fit_to_memory(const struct trainer_setup *setup, struct parallel_plan *plan)
{
    struct trainer_setup fitted = *setup;
    fitted.plan = plan;
    while (plan->lanes > 1 && trainer_bytes(&fitted) > mem_limit())
        plan->lanes--;
}

/* A pipeline of S stages idles for S - 1 of the rounds that it goes through: fewer lanes,
   whose threads share grains, make more rounds. A replica's stages have as many lanes. */
static void fit_to_pipeline(const struct trainer_setup *setup, int grains,
                            struct parallel_plan *plan)
{
    const struct stage *stage = setup->stage;
    int replicas = comm_size(stage->peers), share = (grains + replicas - 1) / replicas;
    int most = share / (2 * stage->count);
    if (setup->options->parallel.intra == INTRA_AUTO) {
        if (most < plan->lanes)
            plan->lanes = most > 1 ? most : 1;
        fit_to_memory(setup, plan);
    }
    double fewest = -plan->lanes;
    comm_max_f64(setup->comm, &fewest, 1);
    plan->lanes = (int)-fewest;
}

void tuning_by_rule(const struct trainer_setup *setup, int threads,
                    struct parallel_plan *plan)
{
    const struct run_options *options = setup->options;
    int grains = grain_count((uint64_t)options->train.batch, options->train.grain);
    tuning_rule(&options->parallel, threads, plan);
    if (setup->stage && setup->stage->count > 1)
        fit_to_pipeline(setup, grains, plan);
}

enum status tuning_choose(const struct trainer_setup *setup, int threads,
                          enum tuning_mode mode, struct tuning *tuning)
{
    const struct run_options *options = setup->options;
    struct comm *comm = setup->comm;
    struct tune_job job = {
        .comm = comm,
        .model = setup->model,
        .samples = options->train.batch,
        .grains = grain_count((uint64_t)options->train.batch, setup->model->grain),
        .step = step_seconds,
        .context = setup,
    };
    *tuning = (struct tuning){.source = "by rule"};
    tuning_by_rule(setup, threads, &tuning->plan);
    if (setup->stage && setup->stage->count > 1) {
        if (mode == TUNING_FORCE)
            say(tuning, "by rule: that of a pipeline is not measured");
        return ST_OK;
    }
    job.rule = tuning->plan;
    bool wanted = mode != TUNING_OFF && options->parallel.intra == INTRA_AUTO;
    if (!wanted || !alike(comm, threads) || !tune_matters(&job))
        return ST_OK;
    double per_cpu, load = load_average(comm, &per_cpu), seconds = WORTH;
    bool busy = per_cpu > BUSY;
    char *key = key_text(setup, threads);
    struct kept kept = {.plan = tuning->plan};
    if (mode == TUNING_CACHED && comm_rank(comm) == 0)
        cache_read(setup->model, key, threads, &kept);
    comm_bcast(comm, &kept, sizeof kept, 0);
    enum status st = ST_OK;
    if (mode == TUNING_CACHED && !kept.found && !busy)
        TRY_TO(out, run_seconds(setup, &tuning->plan, &seconds));
    if (mode == TUNING_FORCE && busy)
        log_note("the load average is %.2f: other work is measured along, and what comes "
                 "of it is kept; measure again when the machine is quiet",
                 load);
    if (kept.found) {
        tuning->plan = kept.plan;
        snprintf(tuning->source, sizeof tuning->source, "measured before%s%s",
                 *kept.when ? ", " : "", kept.when);
    } else if (mode == TUNING_CACHED && busy) {
        say(tuning, "by rule: the machine is too busy to be measured");
    } else if (seconds < WORTH) {
        say(tuning, "by rule: the run is too short to be worth measuring");
    } else {
        st = measure(&job, tuning);
        if (st == ST_OK && comm_rank(comm) == 0)
            cache_write(setup->model, key, &tuning->plan, load);
    }
out:
    free(key);
    return st;
}

void tuning_release(struct tuning *tuning)
{
    if (tuning->result)
        tune_result_release(tuning->result);
    free(tuning->result);
    tuning->result = NULL;
}
