#include "comm/watch.h"

#include <errno.h>
#include <math.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/eventfd.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/log.h"
#include "base/mem.h"
#include "base/thread.h"
#include "base/timer.h"
#include "base/where.h"
#include "comm/heartbeat.h"
#include "comm/stall.h"
#include "comm_impl.h"

#define SLOT_ALIGN    64  /* bytes: a cache line */
#define TICK          1.0 /* seconds between two looks, at most */
#define TICKS_TO_WARN 8   /* looks in the warning time, at least */

/* What a rank shows the others of its node, in shared memory: a cache line each. */
struct watch_slot {
    _Alignas(SLOT_ALIGN) struct where where;
    _Atomic uint64_t beat, seen; /* as in struct stall_sight */
    atomic_bool ends;
};

/* What each rank tells all others at the start. */
struct watch_card {
    char host[64];
    int pid;
    uint64_t pid_space; /* its PID namespace: pids mean nothing in another one */
    struct heartbeat_address address;
};

struct comm_watch {
    struct comm *comm;
    struct comm_shared *window;
    struct watch_slot *slot; /* (node_size) */
    struct watch_card *card; /* owned: (ranks) */
    struct stall stall;
    double tick; /* seconds between two looks */
    double now;  /* 0 at the start; does not advance while this process is stopped */
    uint64_t token;
    int socket, wake; /* wake: an eventfd that ends the thread */
    pthread_t thread;
};

/* --- what is seen --- */

static bool watch_is_near(const struct comm_watch *watch, int rank)
{
    return topology_on_node(&watch->comm->topology, watch->comm->node_index, rank);
}

static struct watch_slot *watch_my_slot(const struct comm_watch *watch)
{
    return &watch->slot[watch->comm->node_rank];
}

static struct stall_sight watch_look_at(const struct watch_slot *slot)
{
    struct stall_sight sight = {
        .beat = atomic_load_explicit(&slot->beat, memory_order_relaxed),
        .seen = atomic_load_explicit(&slot->seen, memory_order_relaxed),
        .ends = atomic_load_explicit(&slot->ends, memory_order_relaxed),
    };
    where_look(&slot->where, &sight.spot);
    return sight;
}

static void watch_see_node(struct comm_watch *watch)
{
    int first = watch->comm->topology.node_first[watch->comm->node_index];
    for (int i = 0; i < watch->comm->node_size; i++) {
        struct stall_sight sight = watch_look_at(&watch->slot[i]);
        stall_see(&watch->stall, first + i, &sight, watch->now);
    }
}

/* Datagrams may overtake each other: older ones are ignored. */
static void watch_hear_others(struct comm_watch *watch)
{
    struct stall_sight sight;
    int rank, ranks = watch->comm->topology.ranks;
    while (heartbeat_receive(watch->socket, watch->token, ranks, &rank, &sight))
        if (!watch_is_near(watch, rank) &&
            sight.beat > watch->stall.rank[rank].sight.beat)
            stall_see(&watch->stall, rank, &sight, watch->now);
}

/* To the node and to the monitors on other nodes. A monitor sends to all ranks, so that
   each knows that others move before it takes its last resort. */
static void watch_show_self(struct comm_watch *watch)
{
    int rank = watch->comm->rank;
    struct watch_slot *slot = watch_my_slot(watch);
    uint64_t beat = atomic_load_explicit(&slot->beat, memory_order_relaxed);
    atomic_store_explicit(&slot->beat, beat + 1, memory_order_relaxed);
    atomic_store_explicit(&slot->seen, watch->stall.seen, memory_order_relaxed);
    struct stall_sight sight = watch_look_at(slot);
    for (int r = 0; r < watch->comm->topology.ranks; r++)
        if (!watch_is_near(watch, r) &&
            (watch->stall.rank[r].monitor || watch->stall.rank[rank].monitor))
            heartbeat_send(watch->socket, watch->token, rank, &sight,
                           &watch->card[r].address);
}

/* --- what is said --- */

/* Why a rank of this node does not move, as far as the system knows; "": it does not. */
static void watch_process_state(const struct comm_watch *watch, int rank, char text[128])
{
    const struct watch_card *card = &watch->card[rank];
    char path[64], state = ' ';
    *text = '\0';
    if (!watch_is_near(watch, rank) ||
        card->pid_space != watch->card[watch->comm->rank].pid_space)
        return;
    snprintf(path, sizeof path, "/proc/%d/stat", card->pid);
    FILE *file = fopen(path, "r");
    if (!file)
        return;
    if (fscanf(file, "%*d %*[^)]) %c", &state) != 1)
        state = ' ';
    fclose(file);
    if (state == 'T' || state == 't')
        snprintf(text, 128, ": process %d is stopped", card->pid);
    else if (state == 'D')
        snprintf(text, 128, ": process %d waits for a file", card->pid);
    else if (state == 'Z')
        snprintf(text, 128, ": process %d is dead", card->pid);
}

/* From any rank, whether log is silenced or not. */
static void watch_say(const struct comm_watch *watch, bool error, const char *text)
{
    char prefix[96];
    if (watch->comm->rank != 0)
        snprintf(prefix, sizeof prefix, "[rank %d %s] ", watch->comm->rank,
                 watch->comm->host);
    else
        snprintf(prefix, sizeof prefix, error ? "lockstep: " : "note: ");
    log_urgent(prefix, text);
}

static void watch_describe(const struct comm_watch *watch, char text[STALL_TEXT])
{
    int culprit = stall_culprit(&watch->stall, watch->now);
    char state[128] = "";
    if (culprit >= 0)
        watch_process_state(watch, culprit, state);
    stall_text(&watch->stall, watch->now, state, text);
}

static _Noreturn void watch_end_job(struct comm_watch *watch, bool everyone)
{
    char text[STALL_TEXT], line[STALL_TEXT + 128];
    comm_abort_surely(ST_FAIL);
    atomic_store_explicit(&watch_my_slot(watch)->ends, true, memory_order_relaxed);
    watch_show_self(watch);
    watch_describe(watch, text);
    snprintf(line, sizeof line, "%s; %s (--stall-timeout %.0f)", text,
             everyone ? "ending the job" : "nobody has ended the job: this rank ends",
             watch->stall.timeout);
    watch_say(watch, true, line);
    if (everyone)
        status_abort(ST_FAIL);
    _exit(ST_FAIL);
}

static void watch_judge(struct comm_watch *watch)
{
    char text[STALL_TEXT], line[STALL_TEXT + 128];
    switch (stall_judge(&watch->stall, watch->now)) {
    case STALL_NONE:
        break;
    case STALL_WARNING:
        watch_describe(watch, text);
        snprintf(line, sizeof line, "%s; the job is ended after %.0f s", text,
                 watch->stall.timeout);
        watch_say(watch, false, line);
        break;
    case STALL_OVER:
        stall_over_text(&watch->stall, text);
        watch_say(watch, false, text);
        break;
    case STALL_END:
        watch_end_job(watch, true);
    case STALL_LAST_RESORT:
        watch_end_job(watch, false);
    }
}

/* --- the thread --- */

/* Receives heartbeats until then; false: the watch is over. */
static bool watch_listen_until(struct comm_watch *watch, double time)
{
    struct pollfd fd[2] = {{.fd = watch->wake, .events = POLLIN},
                           {.fd = watch->socket, .events = POLLIN}}; /* -1 is ignored */
    for (;;) {
        double left = time - timer_now();
        if (poll(fd, 2, left > 0 ? (int)ceil(1000 * left) : 0) > 0 && fd[0].revents)
            return false;
        watch_hear_others(watch);
        if (left <= 0)
            return true;
    }
}

static void *watch_run(void *context)
{
    struct comm_watch *watch = context;
    double last = timer_now();
    sigset_t alarms;
    pthread_setname_np(pthread_self(), COMM_WATCH_THREAD);
    sigemptyset(&alarms);
    sigaddset(&alarms, SIGALRM); /* the main thread may be where no signal reaches it */
    pthread_sigmask(SIG_UNBLOCK, &alarms, NULL);
    do {
        double time = timer_now();
        watch->now += fmin(time - last, 2 * watch->tick);
        last = time;
        watch_see_node(watch);
        watch_show_self(watch);
        watch_judge(watch);
    } while (watch_listen_until(watch, last + watch->tick));
    return NULL;
}

/* --- start and stop --- */

/* One rank that sees all would be enough if it could not be the one that is stopped, or
   behind a cut link. On a single node all ranks see all. */
static void watch_name_monitors(struct comm_watch *watch)
{
    const struct topology *topology = &watch->comm->topology;
    for (int r = 0; r < topology->ranks; r++) {
        struct stall_rank *rank = &watch->stall.rank[r];
        rank->host = watch->card[r].host;
        rank->near = watch_is_near(watch, r);
        rank->monitor = r <= 1 || topology->nodes == 1 || r == topology->node_first[1];
    }
}

static void watch_exchange_cards(struct comm_watch *watch)
{
    struct comm *comm = watch->comm;
    struct watch_card mine = {.pid = getpid()};
    struct stat space;
    snprintf(mine.host, sizeof mine.host, "%s", comm->host);
    if (stat("/proc/self/ns/pid", &space) == 0)
        mine.pid_space = space.st_ino;
    if (comm->topology.nodes > 1)
        watch->socket = heartbeat_open(comm->topology.ranks, &mine.address);
    watch->card = mem_zeroed((size_t)comm->topology.ranks, sizeof mine);
    comm_allgather(comm, &mine, watch->card, sizeof mine);
    watch->token = heartbeat_token();
    comm_bcast(comm, &watch->token, sizeof watch->token, 0);
}

static bool watch_open_slots(struct comm_watch *watch)
{
    struct comm *comm = watch->comm;
    size_t bytes = (size_t)comm->node_size * sizeof *watch->slot;
    void *slots;
    watch->window = comm_shared_create(comm, bytes, &slots);
    if (!watch->window)
        return false;
    watch->slot = slots;
    where_attach(&watch_my_slot(watch)->where);
    return true;
}

struct comm_watch *comm_watch_start(struct comm *comm, double warn, double timeout)
{
    struct comm_watch *watch = mem_zeroed(1, sizeof *watch);
    watch->comm = comm;
    watch->tick = fmin(TICK, warn / TICKS_TO_WARN);
    watch->socket = -1;
    comm_deadline_set(
        timeout + STALL_GRACE,
        "lockstep: the other ranks have not come to the start; this rank ends\n");
    if (!watch_open_slots(watch)) {
        log_note("the ranks of a node cannot share memory (%s): a rank that hangs will "
                 "not be noticed",
                 strerror(errno));
        comm_deadline_clear();
        free(watch);
        return NULL;
    }
    stall_init(&watch->stall, comm->topology.ranks, comm->rank, warn, timeout, 0);
    watch_exchange_cards(watch);
    watch_name_monitors(watch);
    watch->wake = eventfd(0, EFD_CLOEXEC);
    if (watch->wake < 0) {
        log_error("cannot watch the other ranks: %s", strerror(errno));
        status_abort(ST_FAIL);
    }
    comm_deadline_clear();
    thread_start(&watch->thread, watch_run, watch);
    comm->watch = watch;
    return watch;
}

void comm_watch_stop(struct comm_watch *watch)
{
    if (!watch)
        return;
    char text[STALL_TEXT];
    snprintf(text, sizeof text,
             "[rank %d %s] the other ranks have not come to the end of the job; this "
             "rank ends (--stall-timeout %.0f)\n",
             watch->comm->rank, watch->comm->host, watch->stall.timeout);
    comm_deadline_set(watch->stall.timeout + STALL_GRACE, text);
    where_mark(WHERE_END);
    eventfd_write(watch->wake, 1);
    pthread_join(watch->thread, NULL);
    watch_show_self(watch); /* at WHERE_END */
    watch_see_node(watch);
    watch_judge(watch); /* a warning may have to be taken back */
    where_attach(NULL);
    comm_shared_free(watch->window);
    heartbeat_close(watch->socket);
    close(watch->wake);
    stall_release(&watch->stall);
    watch->comm->watch = NULL;
    free(watch->card);
    free(watch);
}
