#include "app/run/tuning.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "app/run/load.h"
#include "base/div.h"
#include "base/grain.h"
#include "base/hash.h"
#include "base/log.h"
#include "base/mem.h"
#include "base/parse.h"
#include "comm/comm.h"
#include "kernels/cpu.h"
#include "lab/trial.h"
#include "train/features.h"

#define TUNING_RUN_LEAST 60 /* seconds; a shorter run is not worth measuring */
#define TUNING_FORMAT    "lockstep tuning 4"
#define TUNING_BUSY_LOAD 0.5 /* load average per CPU */

static const char *const tuning_mode_words[] = {"off", "cached", "force"};

enum status tuning_read_mode(const char *text, enum tuning_mode *mode)
{
    for (int i = 0; i < 3; i++) {
        if (strcmp(text, tuning_mode_words[i]) != 0)
            continue;
        *mode = (enum tuning_mode)i;
        return ST_OK;
    }
    FAIL(ST_USAGE, "plan of threads '%s': expected off, cached or force", text);
}

/* --- plans measured before --- */

/* The operations of the network, as the key names them; the caller frees. */
static char *tuning_key_network(const struct model *model)
{
    size_t room = (size_t)model->ops * (LAYER_NAME + 80) + 1, used = 0;
    char *text = mem_zeroed(room, 1);
    for (int o = 0; o < model->ops; o++) {
        const struct layer *op = model->op[o];
        used +=
            (size_t)snprintf(text + used, room - used, " %s:%dx%dx%d:%zu", op->name,
                             op->out.h, op->out.w, op->out.c, layer_save_bytes(op, 1));
    }
    return text;
}

/* Everything that the times depend on, in lines; the caller frees. */
static char *tuning_key(const struct trainer_setup *setup, int threads)
{
    const struct model *model = setup->model;
    char *network = tuning_key_network(model);
    char *key =
        mem_format("cpu %s, %d of %d, %s kernels\nlibraries %s, %s, lockstep %s\n"
                   "world %d ranks, %d here, %d threads\nbatch %d, grain %d\n"
                   "network %dx%dx%d%s, %zu parameters, the first %zu frozen\n",
                   cpu_model(), cpu_usable(), cpu_online(), cpu_isa_name(cpu_isa()),
                   cpu_blas(), comm_version(), setup->version, comm_size(setup->comm),
                   comm_node_size(setup->comm), threads, setup->options->train.batch,
                   model->grain, model->in.h, model->in.w, model->in.c, network,
                   model->params, model->learn_begin);
    free(network);
    return key;
}

/* The key's file. False: there is no cache folder. */
static bool tuning_cache_path(const char *key, char folder[FS_PATH], char path[FS_PATH])
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

static bool tuning_knows_algorithm(const char *name)
{
    for (int i = 0; comm_tree_names[i]; i++)
        if (strcmp(comm_tree_names[i], name) == 0)
            return true;
    return false;
}

/* A plan that was kept. Plain data, broadcast as bytes. */
struct tuning_kept {
    bool found;
    struct parallel_plan plan;
    char when[64]; /* "2026-11-22 19:40, load average 0.31" */
};

/* A file is TUNING_FORMAT, the key, the plan, and when it was measured. Anything after
   that is ignored. */
static void tuning_cache_read(const struct model *model, const char *key, int threads,
                              struct tuning_kept *kept)
{
    char folder[FS_PATH], path[FS_PATH], *text;
    size_t bytes;
    if (!tuning_cache_path(key, folder, path) || !fs_is_file(path) ||
        fs_bytes(path) > 1 << 20)
        return;
    if (fs_read_text(path, &text, &bytes) != ST_OK)
        return;
    char *head = mem_format("%s\n%s", TUNING_FORMAT, key);
    size_t length = strlen(head);
    if (strncmp(text, head, length) == 0) {
        char *rest = text + length, *plan = strsep(&rest, "\n");
        const char *when = rest ? strsep(&rest, "\n") : "";
        kept->found = plan_read(&kept->plan, model, plan) &&
                      kept->plan.threads <= threads &&
                      tuning_knows_algorithm(kept->plan.reduce);
        snprintf(kept->when, sizeof kept->when, "%s", when);
    }
    if (!kept->found)
        log_note("'%s' is damaged or has another key: it is not used", path);
    free(head);
    free(text);
}

static enum status tuning_cache_put(const char *path, const char *key, const char *plan,
                                    const char *when)
{
    struct fs_writer writer;
    TRY(fs_write_begin(&writer, path));
    fprintf(writer.file, "%s\n%s%s\n%s\n", TUNING_FORMAT, key, plan, when);
    return fs_write_end(&writer);
}

/* A plan that cannot be kept is used nevertheless. */
static void tuning_cache_write(const struct model *model, const char *key,
                               const struct parallel_plan *plan, double load)
{
    char folder[FS_PATH], path[FS_PATH], when[64], trouble[STATUS_TEXT];
    if (!tuning_cache_path(key, folder, path))
        return;
    char *text = plan_text(plan, model);
    time_t now = time(NULL);
    struct tm local;
    size_t n = strftime(when, sizeof when, "%Y-%m-%d %H:%M", localtime_r(&now, &local));
    snprintf(when + n, sizeof when - n, ", load average %.2f", load);
    status_capture(trouble);
    enum status st = fs_make_folder(folder);
    if (st == ST_OK)
        st = tuning_cache_put(path, key, text, when);
    status_capture(NULL);
    if (st != ST_OK)
        log_note("the plan is not kept: %s", trouble);
    free(text);
}

/* --- measuring --- */

/* Seconds of the whole run under the rule's plan. */
static enum status tuning_measure_run(const struct trainer_setup *setup,
                                      const struct parallel_plan *rule, double *seconds)
{
    uint64_t images = setup->dataset->info.count[DATASET_TRAIN];
    TRY(trial_step_seconds(setup, rule, seconds));
    *seconds *= (double)train_total_steps(&setup->options->train, images);
    comm_max_f64(setup->comm, seconds, 1);
    return ST_OK;
}

/* --- by rule --- */

/* One plan serves all ranks only if all have the same number of threads. */
static bool tuning_threads_are_alike(struct comm *comm, int threads)
{
    double most[] = {threads, -threads};
    comm_max_f64(comm, most, 2);
    return most[0] + most[1] == 0;
}

/* Fewer lanes need less memory: each has its own activations and gradients. */
static void tuning_fit_to_memory(const struct trainer_setup *setup,
                                 struct parallel_plan *plan)
{
    struct trainer_setup fitted = *setup;
    fitted.plan = plan;
    while (plan->lanes > 1 && trainer_bytes(&fitted) > mem_limit())
        plan->lanes--;
}

/* A pipeline of S stages is partly idle for S - 1 of its rounds. Fewer lanes, whose
   threads share grains, make more rounds. All stages of a replica have the same number of
   lanes. */
static void tuning_fit_to_pipeline(const struct trainer_setup *setup, int grains,
                                   struct parallel_plan *plan)
{
    const struct stage *stage = setup->stage;
    int replicas = comm_size(stage->peers), share = div_up(grains, replicas);
    int most = share / (2 * stage->count);
    if (setup->options->parallel.intra == INTRA_AUTO) {
        if (most < plan->lanes)
            plan->lanes = most > 1 ? most : 1;
        tuning_fit_to_memory(setup, plan);
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
    tune_rule(&options->parallel, threads, plan);
    if (setup->stage && setup->stage->count > 1)
        tuning_fit_to_pipeline(setup, grains, plan);
}

/* --- the choice --- */

enum tuning_source tuning_decide(const struct tuning_facts *facts)
{
    if (facts->pipeline && facts->mode == TUNING_FORCE)
        return TUNING_BY_RULE_PIPELINE;
    if (facts->features && facts->mode == TUNING_FORCE)
        return TUNING_BY_RULE_FEATURES;
    if (facts->pipeline || facts->features || facts->mode == TUNING_OFF || !facts->choice)
        return TUNING_BY_RULE;
    if (facts->mode == TUNING_FORCE)
        return TUNING_MEASURE;
    if (facts->kept)
        return TUNING_KEPT;
    if (facts->busy)
        return TUNING_BY_RULE_BUSY;
    return facts->run_seconds < TUNING_RUN_LEAST ? TUNING_BY_RULE_SHORT : TUNING_MEASURE;
}

static const char *const tuning_source_words[] = {
    [TUNING_BY_RULE] = "by rule",
    [TUNING_BY_RULE_PIPELINE] = "by rule: a pipeline's plan is not measured",
    [TUNING_BY_RULE_FEATURES] =
        "by rule: steps that begin with features are not measured",
    [TUNING_BY_RULE_BUSY] = "by rule: the machine is too busy to be measured",
    [TUNING_BY_RULE_SHORT] = "by rule: the run is too short to be worth measuring",
    [TUNING_KEPT] = "measured before",
    [TUNING_MEASURE] = "measured now",
};

/* What the decision depends on; run_seconds is measured only if it decides. */
static enum status tuning_gather_facts(const struct trainer_setup *setup, const char *key,
                                       const struct parallel_plan *rule,
                                       struct tuning_facts *facts,
                                       struct tuning_kept *kept)
{
    *kept = (struct tuning_kept){.found = false};
    facts->run_seconds = TUNING_RUN_LEAST;
    if (facts->mode != TUNING_CACHED)
        return ST_OK;
    if (comm_rank(setup->comm) == 0)
        tuning_cache_read(setup->model, key, rule->threads, kept);
    comm_bcast(setup->comm, kept, sizeof *kept, 0);
    facts->kept = kept->found;
    if (facts->kept || facts->busy)
        return ST_OK;
    return tuning_measure_run(setup, rule, &facts->run_seconds);
}

static enum status tuning_measure_plan(const struct trainer_setup *setup, const char *key,
                                       double load, struct tuning *tuning)
{
    double begin = timer_now();
    const struct parallel_plan rule = tuning->plan;
    tuning->result = mem_zeroed(1, sizeof *tuning->result);
    TRY(tune_search(setup, &rule, tuning->result));
    tuning->plan = tuning->result->candidate[tuning->result->chosen].plan;
    tuning->seconds = timer_now() - begin;
    if (comm_rank(setup->comm) == 0)
        tuning_cache_write(setup->model, key, &tuning->plan, load);
    return ST_OK;
}

/* tuning->plan is the rule's. */
static enum status tuning_choose_plan(const struct trainer_setup *setup, const char *key,
                                      struct tuning_facts *facts, struct tuning *tuning)
{
    struct tuning_kept kept;
    double per_cpu, load = load_average(setup->comm, &per_cpu);
    facts->busy = per_cpu > TUNING_BUSY_LOAD;
    TRY(tuning_gather_facts(setup, key, &tuning->plan, facts, &kept));
    enum tuning_source source = tuning_decide(facts);
    bool dated = source == TUNING_KEPT && *kept.when;
    snprintf(tuning->source, sizeof tuning->source, "%s%s%s", tuning_source_words[source],
             dated ? ", " : "", dated ? kept.when : "");
    if (source == TUNING_KEPT)
        tuning->plan = kept.plan;
    if (source != TUNING_MEASURE)
        return ST_OK;
    if (facts->busy)
        log_note("the load average is %.2f: other work disturbs the measurement, and its "
                 "result is kept; measure again when the machine is quiet",
                 load);
    return tuning_measure_plan(setup, key, load, tuning);
}

enum status tuning_choose(const struct trainer_setup *setup, int threads,
                          enum tuning_mode mode, struct tuning *tuning)
{
    size_t bytes;
    struct tuning_facts facts = {.mode = mode,
                                 .pipeline = setup->stage && setup->stage->count > 1,
                                 .features =
                                     features_choose(setup, &bytes) == FEATURES_KEPT};
    *tuning = (struct tuning){.result = NULL};
    tuning_by_rule(setup, threads, &tuning->plan);
    facts.choice = mode != TUNING_OFF && !facts.pipeline && !facts.features &&
                   setup->options->parallel.intra == INTRA_AUTO &&
                   tuning_threads_are_alike(setup->comm, threads) &&
                   tune_matters(setup->comm, &tuning->plan);
    if (!facts.choice) {
        snprintf(tuning->source, sizeof tuning->source, "%s",
                 tuning_source_words[tuning_decide(&facts)]);
        return ST_OK;
    }
    char *key = tuning_key(setup, threads);
    enum status st = tuning_choose_plan(setup, key, &facts, tuning);
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
