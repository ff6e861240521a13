/* lockstep plan: predicts the speed on more ranks and nodes from measurements on those
   that are here. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "app/cli/cli.h"
#include "app/cli/commands.h"
#include "app/run/agree.h"
#include "app/run/load.h"
#include "app/run/memory.h"
#include "app/run/placement.h"
#include "app/run/run_config.h"
#include "app/run/stall.h"
#include "app/version.h"
#include "base/fs.h"
#include "base/log.h"
#include "base/mem.h"
#include "base/parse.h"
#include "comm/comm.h"
#include "kernels/cpu.h"
#include "lab/scaling_measure.h"
#include "lab/trial.h"
#include "plan_print.h"

#define ROWS        64
#define IMAGES      20000 /* of built-in letters, where there is no data set */
#define GRAINS_MOST (1 << 28)
#define BUSY        0.5 /* load average per CPU */
#define PER_CPU     8   /* most threads per CPU that one rank runs for several */

struct plan_request {
    const char *config, *data, *ranks, *network, *out;
    long long threads, per_node, stall_timeout;
    struct cli_texts set;
};

struct plan_session {
    struct comm *comm;
    const struct plan_request *request;
    struct config config;
    struct dataset dataset;
    bool letters; /* it is built-in letters */
    struct model model;
    struct placement ranks;
    struct scaling *scaling;
    int rows, row[ROWS]; /* numbers of ranks */
};

static enum status parse_request(struct plan_request *request, int argc, char **argv,
                                 bool *help)
{
    const struct cli_option options[] = {
        {"data", CLI_TEXT, &request->data, "FILE",
         "data set, instead of data.file; built-in letters if both are empty"},
        {"set", CLI_TEXTS, &request->set, "SECTION.KEY=VALUE",
         "override a key of the config; may be repeated"},
        {"threads", CLI_INT, &request->threads, "T",
         "threads per rank, default the rank's share of the CPUs"},
        {"ranks", CLI_TEXT, &request->ranks, "N,N,...",
         "numbers of ranks to predict, default 1, 2, 4, ... 4096"},
        {"ranks-per-node", CLI_INT, &request->per_node, "R",
         "ranks on a node, default as started, or for a single rank as fit on the CPUs"},
        {"network", CLI_TEXT, &request->network, "SPEED,LATENCY",
         "network between nodes, instead of measuring it: 10Gbit,20us"},
        {"out", CLI_TEXT, &request->out, "FILE", "HDF5, for scripts/plot_scaling.py"},
        {"stall-timeout", CLI_INT, &request->stall_timeout, "SECONDS", STALL_HELP},
        {0},
    };
    const struct cli_command command = {
        "plan", "CONFIG", 1, 1,
        "Measure the parts of a training step here and predict its time on more ranks\n"
        "and nodes. Under mpirun the ranks and their network are measured as well."};
    const char *operand[1];
    int count;
    TRY(cli_parse(&command, options, argc, argv, operand, &count));
    *help = count < 0;
    request->config = operand[0];
    return ST_OK;
}

/* --- numbers of ranks --- */

static int ascending(const void *a, const void *b)
{
    return *(const int *)a - *(const int *)b;
}

static void add_row(struct plan_session *session, int ranks)
{
    for (int i = 0; i < session->rows; i++)
        if (session->row[i] == ranks)
            return;
    ASSERT(session->rows < ROWS);
    session->row[session->rows++] = ranks;
}

static enum status read_rows(struct plan_session *session)
{
    const char *text = session->request->ranks;
    char *copy = mem_strdup(text), *rest = copy;
    enum status st = ST_OK;
    for (char *word; st == ST_OK && (word = strsep(&rest, ",")) != NULL;) {
        long long value;
        if (session->rows == ROWS / 2 || !parse_int(word, 1, SCALING_MOST, &value))
            st = status_fail(ST_USAGE,
                             "'--ranks %s': expected up to %d numbers from 1 to %d, with "
                             "commas",
                             text, ROWS / 2, SCALING_MOST);
        else
            add_row(session, (int)value);
    }
    free(copy);
    return st;
}

/* Without --ranks: powers of two, and the number of measured ranks. */
static enum status choose_rows(struct plan_session *session)
{
    const struct scaling *scaling = session->scaling;
    int covered = scaling_covered(scaling), asked = 0;
    if (session->request->ranks)
        TRY(read_rows(session));
    for (int i = 0; i < session->rows; i++)
        asked = session->row[i] > asked ? session->row[i] : asked;
    if (asked > covered)
        FAIL(ST_USAGE,
             "'--ranks %s': %d ranks need more than one node of %d, whose network was "
             "not measured; give --network (10Gbit,20us), start on several nodes, or "
             "put more on a node (mpirun -n, or for a single rank --ranks-per-node)",
             session->request->ranks, asked, covered);
    for (int ranks = 1; !session->request->ranks && ranks <= SCALING_RANKS; ranks *= 2)
        if (ranks <= covered)
            add_row(session, ranks);
    if (!session->request->ranks)
        add_row(session, scaling->measured);
    qsort(session->row, (size_t)session->rows, sizeof *session->row, ascending);
    int most = session->row[session->rows - 1];
    if (scaling_weak_batch(scaling, most) / scaling->grain > GRAINS_MOST)
        FAIL(ST_USAGE,
             "%d ranks with %d images each are more than %d grains; ask for fewer with "
             "--ranks",
             most, scaling->batch, GRAINS_MOST);
    return ST_OK;
}

/* --- the run to be predicted --- */

static enum status open_data(struct plan_session *session)
{
    const bool train[DATASET_SPLITS] = {[DATASET_TRAIN] = true};
    const char *file = session->config.data.file;
    session->letters = !*file;
    if (session->letters) {
        log_note("no data set: built-in letters are used, %d of them", IMAGES);
        return trial_open(session->comm, NULL, IMAGES, 1, &session->dataset);
    }
    log_set_replicated(false);
    TRY(dataset_open(&session->dataset, session->comm, file, train,
                     (size_t)session->config.data.memory_mb << 20));
    log_set_replicated(true);
    if (session->dataset.info.count[DATASET_TRAIN] == 0)
        FAIL(ST_FAIL, "'%s' holds no training images", session->dataset.info.path);
    return ST_OK;
}

static enum status open_model(struct plan_session *session)
{
    const struct dataset_info *data = &session->dataset.info;
    const struct shape in = data->shape;
    struct agree agree;
    agree_begin(&agree);
    enum status st = model_init(&session->model, &session->config.model, in,
                                data->classes, session->config.run.train.grain);
    return agree_end(&agree, session->comm, st);
}

/* The most ranks of a node. */
static int node_ranks(struct comm *comm)
{
    double most = comm_node_size(comm);
    comm_max_f64(comm, &most, 1);
    return (int)most;
}

/* Does every node except the last have `node` ranks? */
static bool filled_alike(struct comm *comm, int node)
{
    bool mine = (comm_rank(comm) - comm_node_rank(comm)) % node == 0;
    return comm_agree(comm, mine ? ST_OK : ST_FAIL) == ST_OK;
}

/* --ranks-per-node against what was started; nearby: the most ranks of a node here. */
static enum status check_per_node(const struct plan_session *session, int nearby,
                                  int threads, int cpus)
{
    long long per_node = session->request->per_node;
    int measured = comm_size(session->comm);
    if (measured > 1 && per_node > nearby)
        FAIL(ST_USAGE,
             "'--ranks-per-node %lld': no node has more than %d here; start as many",
             per_node, nearby);
    if (measured == 1 && per_node * threads > PER_CPU * cpus)
        FAIL(ST_USAGE,
             "'--ranks-per-node %lld': at most %d ranks of %d threads are tried on %d "
             "CPUs; lower it, or --threads",
             per_node, PER_CPU * cpus / threads, threads, cpus);
    return ST_OK;
}

/* The run: network, data, batch, and how it is trained. */
static void describe_run(struct plan_session *session)
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
static enum status describe_machine(struct plan_session *session)
{
    struct scaling *scaling = session->scaling;
    int threads = placement_threads(&session->ranks, session->comm);
    int cpus = placement_node_cpus(&session->ranks, session->comm);
    int nearby = node_ranks(session->comm), fit = cpus / threads;
    TRY(check_per_node(session, nearby, threads, cpus));
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
    if (scaling->load > BUSY * cpus)
        log_note("the load average is %.1f on %d CPUs: other work disturbs the "
                 "measurement; plan again when the machine is quiet",
                 scaling->load, cpus);
    return ST_OK;
}

static enum status describe_network(struct plan_session *session)
{
    struct scaling *scaling = session->scaling;
    if (session->request->network)
        return fabric_parse(session->request->network, &scaling->network);
    scaling->network.known = scaling->measured > 1;
    scaling->network.between_nodes = scaling->measured > node_ranks(session->comm);
    return ST_OK;
}

static enum status check_memory(struct plan_session *session)
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

static enum status plan_set_up(struct plan_session *session)
{
    const struct plan_request *request = session->request;
    struct comm *comm = session->comm;
    enum status st = ST_OK;
    log_set_replicated(true);
    const struct run_config_request wanted = {
        .path = request->config,
        .data = request->data,
        .threads = request->threads,
        .assignment = request->set.text,
        .assignments = request->set.count,
    };
    TRY(run_config_read(&session->config, comm, &wanted));
    if (*session->config.data.file)
        TRY(config_check(&session->config, request->config));
    if (session->config.run.parallel.pipeline > 1)
        FAIL(ST_USAGE,
             "parallel.pipeline = %d: only ranks that have all layers are predicted; use "
             "--set parallel.pipeline=1",
             session->config.run.parallel.pipeline);
    TRY(open_data(session));
    TRY(open_model(session));
    log_set_replicated(false);
    placement_init(&session->ranks, comm, session->config.run.parallel.threads);
    log_set_replicated(true);
    describe_run(session);
    TRY(describe_machine(session));
    TRY(describe_network(session));
    TRY(check_memory(session));
    TRY(choose_rows(session));
    if (request->out && comm_rank(comm) == 0)
        st = scaling_check_file(request->out);
    return comm_agree(comm, st);
}

static enum status plan_predict(struct plan_session *session)
{
    struct scaling *scaling = session->scaling;
    struct scaling_row strong[ROWS], weak[ROWS];
    enum status st = ST_OK;
    for (int i = 0; i < session->rows; i++) {
        int ranks = session->row[i];
        scaling_predict(scaling, ranks, scaling->batch, &strong[i]);
        scaling_predict(scaling, ranks, scaling_weak_batch(scaling, ranks), &weak[i]);
    }
    plan_print_tables(scaling, strong, weak, session->rows);
    log_out("\n");
    plan_print_findings(scaling, strong, weak, session->rows);
    if (session->request->out && comm_rank(session->comm) == 0)
        st = scaling_write(scaling, session->request->out, app_version(), strong, weak,
                           session->rows);
    return comm_agree(session->comm, st);
}

static enum status plan_run(struct plan_session *session)
{
    TRY(plan_set_up(session));
    struct scaling *scaling = session->scaling;
    int sums[ROWS], count = 0;
    int node = node_ranks(session->comm);
    bool alike = filled_alike(session->comm, node);
    if (!alike)
        log_note(
            "a node other than the last has fewer ranks than others: sums over ranks "
            "are computed, not measured");
    scaling_need(scaling, 1, scaling->batch);
    for (int i = 0; i < session->rows; i++) {
        int ranks = session->row[i];
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
        .letters = session->letters,
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
    TRY(parse_request(&request, argc, argv, &help));
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
