/* lockstep plan: predicts the speed on more ranks and nodes from measurements on those
   that are here. */
#include <stdio.h>
#include <stdlib.h>

#include "app/cli/cli.h"
#include "app/cli/commands.h"
#include "app/run/agree.h"
#include "app/run/load.h"
#include "app/run/memory.h"
#include "app/run/placement.h"
#include "app/run/run_config.h"
#include "app/run/stall.h"
#include "app/run/trial_config.h"
#include "app/version.h"
#include "base/fs.h"
#include "base/log.h"
#include "base/mem.h"
#include "comm/comm.h"
#include "kernels/cpu.h"
#include "lab/scaling_measure.h"
#include "lab/trial.h"
#include "nn/param_group.h"
#include "plan_print.h"
#include "plan_rows.h"

#define PLAN_IMAGES          20000 /* of built-in letters, where there is no data set */
#define PLAN_BUSY_LOAD       0.5   /* load average per CPU */
#define PLAN_THREADS_PER_CPU 8 /* most threads per CPU that one rank runs for several */

struct plan_request {
    const char *config, *data, *image_size, *ranks, *network, *out;
    long long threads, per_node, stall_timeout;
    struct cli_texts set;
};

struct plan_session {
    struct comm *comm;
    const struct plan_request *request;
    struct config config;
    struct dataset dataset;
    struct trial_source source; /* of its images */
    struct model model;
    struct placement ranks;
    struct scaling *scaling;
    struct plan_rows rows;
};

static enum status plan_parse(struct plan_request *request, int argc, char **argv,
                              bool *help)
{
    const struct cli_option options[] = {
        {"data", CLI_TEXT, &request->data, "FILE",
         "data set, instead of data.file; built-in letters if both are empty"},
        {"image-size", CLI_TEXT, &request->image_size, "N|HxW", CLI_IMAGE_SIZE_HELP},
        {"set", CLI_TEXTS, &request->set, "SECTION.KEY=VALUE",
         "override a key of the config; may be repeated"},
        {"threads", CLI_INT, &request->threads, "T",
         "threads per rank, default the rank's share of the CPUs"},
        {"ranks", CLI_TEXT, &request->ranks, "N,N,...",
         "numbers of ranks to predict, default 1, 2, 4, ... 4096"},
        {"ranks-per-node", CLI_INT, &request->per_node, "R",
         "ranks on a node; default: as started, or with a single rank what its CPUs "
         "hold"},
        {"network", CLI_TEXT, &request->network, "SPEED,LATENCY",
         "network between nodes, instead of measuring it: 10Gbit,20us"},
        {"out", CLI_TEXT, &request->out, "FILE", "HDF5, for scripts/plot_scaling.py"},
        {"stall-timeout", CLI_INT, &request->stall_timeout, "SECONDS", STALL_HELP},
        {0},
    };
    const struct cli_command command = {
        "plan", "CONFIG", 1, 1,
        "Measure the parts of a training step here and predict its time on more ranks\n"
        "and nodes. Under mpirun the ranks and their network are measured as "
        "well.\n" CLI_CONFIG_HELP};
    const char *operand[1];
    int count;
    TRY(cli_parse(&command, options, argc, argv, operand, &count));
    *help = count < 0;
    request->config = operand[0];
    return ST_OK;
}

/* --- setup ---
 *
 * A prediction is set up in phases, each of which may refuse it. Their order follows from
 * what they need:
 *
 *   config      every rank reads the same text
 *   data        the file that the config names, or built-in letters
 *   model       input size and classes come from the data
 *   placement   threads, ranks of a node, network; memory depends on them and the model
 *   rows        how many ranks are predicted depends on the network
 *   output      the last phase that may refuse: measuring takes minutes
 *
 * All ranks do the same work on the same input, so rank 0 alone reports failures
 * (log_set_replicated); once everything is measured each rank reports its own.
 */

static enum status plan_open_config(struct plan_session *session)
{
    const struct plan_request *request = session->request;
    const struct run_config_request wanted = {
        .path = request->config,
        .data = request->data,
        .image_size = request->image_size,
        .threads = request->threads,
        .assignment = request->set.text,
        .assignments = request->set.count,
    };
    TRY(run_config_read(&session->config, session->comm, &wanted));
    if (*session->config.data.file)
        TRY(config_check(&session->config, request->config));
    if (session->config.run.parallel.pipeline > 1)
        FAIL(ST_USAGE,
             "parallel.pipeline = %d: only ranks that have all layers are predicted; use "
             "--set parallel.pipeline=1",
             session->config.run.parallel.pipeline);
    return ST_OK;
}

/* Each rank reports its own failure: another node may not see the file. */
static enum status plan_open_data(struct plan_session *session)
{
    const bool train[DATASET_SPLITS] = {[DATASET_TRAIN] = true};
    const char *file = session->config.data.file;
    session->source = trial_config_source(&session->config, *file ? file : NULL);
    if (!*file) {
        TRY(trial_open(session->comm, &session->source, PLAN_IMAGES, 1,
                       &session->dataset));
        log_note("no data set: built-in letters are used, %zu of them",
                 session->dataset.info.count[DATASET_TRAIN]);
        return ST_OK;
    }
    bool replicated = log_set_replicated(false);
    const struct dataset_use use = {
        .memory_limit = (size_t)session->config.data.memory_mb << 20,
        .trusted = true /* only speed is measured */
    };
    enum status st = dataset_open(&session->dataset, session->comm, file, train, &use);
    log_set_replicated(replicated);
    TRY(st);
    if (session->dataset.info.count[DATASET_TRAIN] == 0)
        FAIL(ST_FAIL, "'%s' holds no training images", session->dataset.info.path);
    return ST_OK;
}

static enum status plan_open_model(struct plan_session *session)
{
    const struct dataset_info *data = &session->dataset.info;
    struct shape in;
    struct agree agree;
    TRY(input_crop_of_dataset(&session->config.run.input.crop, data, &in));
    agree_begin(&agree);
    enum status st = model_init(&session->model, &session->config.model, in,
                                data->classes, session->config.run.train.grain);
    if (st == ST_OK)
        st = param_groups_check(&session->config.run.optim.groups, &session->model);
    return agree_end(&agree, session->comm, st);
}

/* The most ranks of a node. */
static int plan_node_ranks(struct comm *comm)
{
    double most = comm_node_size(comm);
    comm_max_f64(comm, &most, 1);
    return (int)most;
}

/* Does every node except the last have `node` ranks? */
static bool plan_nodes_are_alike(struct comm *comm, int node)
{
    bool mine = (comm_rank(comm) - comm_node_rank(comm)) % node == 0;
    return comm_agree(comm, mine ? ST_OK : ST_FAIL) == ST_OK;
}

/* --ranks-per-node against what was started; nearby: the most ranks of a node here. */
static enum status plan_check_per_node(const struct plan_session *session, int nearby,
                                       int threads, int cpus)
{
    long long per_node = session->request->per_node;
    int measured = comm_size(session->comm);
    if (measured > 1 && per_node > nearby)
        FAIL(ST_USAGE,
             "'--ranks-per-node %lld': no node has more than %d here; start as many",
             per_node, nearby);
    if (measured == 1 && per_node * threads > PLAN_THREADS_PER_CPU * cpus)
        FAIL(ST_USAGE,
             "'--ranks-per-node %lld': at most %d ranks of %d threads are tried on %d "
             "CPUs; lower it, or --threads",
             per_node, PLAN_THREADS_PER_CPU * cpus / threads, threads, cpus);
    return ST_OK;
}

/* The run: network, data, batch, and how it is trained. */
static void plan_describe_run(struct plan_session *session)
{
    const struct run_options *run = &session->config.run;
    struct scaling *scaling = session->scaling;
    size_t images = session->dataset.info.count[DATASET_TRAIN];
    scaling->batch = (size_t)run->train.batch < images ? run->train.batch : (int)images;
    scaling->grain = run->train.grain;
    scaling->images = images;
    scaling->params = model_param_count(&session->model);
    scaling->teams = run->parallel.intra != INTRA_BATCH;
    scaling->overlap = run->parallel.overlap;
    scaling->align = 1;
    if (run->parallel.reduce > 0)
        log_note(
            "parallel.reduce = %s is not predicted: every sum is that of the fastest "
            "algorithm",
            comm_tree_names[run->parallel.reduce]);
}

/* The machine: its CPUs, and the ranks on a node. */
static enum status plan_describe_machine(struct plan_session *session)
{
    struct scaling *scaling = session->scaling;
    int threads = placement_threads(&session->ranks, session->comm);
    int cpus = placement_node_cpus(&session->ranks, session->comm);
    int nearby = plan_node_ranks(session->comm), fit = cpus / threads;
    TRY(plan_check_per_node(session, nearby, threads, cpus));
    snprintf(scaling->cpu, sizeof scaling->cpu, "%s, %s kernels, %s", cpu_model(),
             cpu_isa_name(cpu_isa()), cpu_blas());
    scaling->threads = scaling->lanes = threads;
    scaling->cpus = cpus;
    scaling->measured = comm_size(session->comm);
    if (session->request->per_node > 0)
        scaling->per_node = (int)session->request->per_node;
    else if (scaling->measured > 1)
        scaling->per_node = nearby;
    else
        scaling->per_node = fit > 0 ? fit : 1;
    scaling->load = load_average(session->comm, NULL);
    if (scaling->load > PLAN_BUSY_LOAD * cpus)
        log_note("the load average is %.1f on %d CPUs: other work disturbs the "
                 "measurement; plan again when the machine is quiet",
                 scaling->load, cpus);
    return ST_OK;
}

static enum status plan_describe_network(struct plan_session *session)
{
    struct scaling *scaling = session->scaling;
    if (session->request->network)
        return fabric_parse(session->request->network, &scaling->network);
    scaling->network.known = scaling->measured > 1;
    scaling->network.between_nodes = scaling->measured > plan_node_ranks(session->comm);
    return ST_OK;
}

static enum status plan_check_memory(struct plan_session *session)
{
    struct stage whole;
    stage_init_whole(&whole, session->comm, &session->model);
    const struct trainer_setup setup = {
        .comm = session->comm,
        .dataset = &session->dataset,
        .model = &session->model,
        .stage = &whole,
        .options = &session->config.run,
        .config_text = "",
        .version = app_version(),
    };
    return memory_check(&setup, session->scaling->threads);
}

/* The machine, its network and memory: what may be predicted. */
static enum status plan_place(struct plan_session *session)
{
    placement_init(&session->ranks, session->comm, session->config.run.parallel.threads);
    plan_describe_run(session);
    TRY(plan_describe_machine(session));
    TRY(plan_describe_network(session));
    return plan_check_memory(session);
}

/* Only rank 0 looks at the file to be written. */
static enum status plan_check_out(struct plan_session *session)
{
    const struct plan_request *request = session->request;
    const char *const inputs[] = {request->config, request->data};
    enum status st = ST_OK;
    if (request->out && comm_rank(session->comm) == 0)
        st = target_check(request->out, &scaling_target, inputs, 2);
    return comm_agree(session->comm, st);
}

static enum status plan_set_up(struct plan_session *session)
{
    TRY(plan_open_config(session));
    TRY(plan_open_data(session));
    TRY(plan_open_model(session));
    TRY(plan_place(session));
    TRY(plan_rows_choose(&session->rows, session->scaling, session->request->ranks));
    return plan_check_out(session);
}

/* --- measuring and predicting --- */

static enum status plan_predict(struct plan_session *session)
{
    struct scaling *scaling = session->scaling;
    struct scaling_row strong[PLAN_ROWS], weak[PLAN_ROWS];
    enum status st = ST_OK;
    for (int i = 0; i < session->rows.count; i++) {
        int ranks = session->rows.ranks[i];
        scaling_predict(scaling, ranks, scaling->batch, &strong[i]);
        scaling_predict(scaling, ranks, scaling_weak_batch(scaling, ranks), &weak[i]);
    }
    plan_print_tables(scaling, strong, weak, session->rows.count);
    log_out("\n");
    plan_print_findings(scaling, strong, weak, session->rows.count);
    if (session->request->out && comm_rank(session->comm) == 0)
        st = scaling_write(scaling, session->request->out, app_version(), strong, weak,
                           session->rows.count);
    return comm_agree(session->comm, st);
}

static enum status plan_run(struct plan_session *session)
{
    TRY(plan_set_up(session));
    struct scaling *scaling = session->scaling;
    int sums[PLAN_ROWS], count = 0;
    int node = plan_node_ranks(session->comm);
    bool alike = plan_nodes_are_alike(session->comm, node);
    if (!alike)
        log_note(
            "a node other than the last has fewer ranks than others: sums over ranks "
            "are computed, not measured");
    scaling_need(scaling, 1, scaling->batch);
    for (int i = 0; i < session->rows.count; i++) {
        int ranks = session->rows.ranks[i];
        scaling_need(scaling, ranks, scaling->batch);
        scaling_need(scaling, ranks, scaling_weak_batch(scaling, ranks));
        if (alike && scaling_sums_count(scaling, ranks, node))
            sums[count++] = ranks;
    }
    const struct scaling_run run = {
        .comm = session->comm,
        .options = &session->config.run,
        .dataset = &session->dataset,
        .model = &session->model,
        .spec = &session->config.model,
        .source = session->source,
        .threads = scaling->threads,
        .cpus = scaling->cpus,
    };
    TRY(scaling_measure(&run, scaling, sums, count));
    log_set_replicated(false);
    plan_print_header(scaling);
    plan_print_measured(scaling);
    return plan_predict(session);
}

enum status cmd_plan(struct comm *comm, int argc, char **argv)
{
    struct plan_request request = {.stall_timeout = STALL_TIMEOUT};
    bool help;
    TRY(plan_parse(&request, argc, argv, &help));
    if (help)
        return ST_OK;
    TRY(stall_watch(comm, request.stall_timeout));
    struct plan_session session = {.comm = comm, .request = &request};
    session.scaling = mem_zeroed(1, sizeof *session.scaling);
    config_init(&session.config);
    enum status st = plan_run(&session);
    model_release(&session.model);
    dataset_close(&session.dataset);
    placement_release(&session.ranks);
    config_release(&session.config);
    free(session.scaling);
    return st;
}
