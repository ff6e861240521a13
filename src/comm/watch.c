#include "comm/watch.h"

#include <errno.h>
#include <math.h>
#include <mpi.h>
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
#define TICK          1.0 /* seconds, or less for a short warning time */
#define TICKS_TO_WARN 8   /* at least */
#define ABORT_SECONDS 5   /* in which MPI_Abort must have ended this process */

/* In memory that the ranks of a node share: a cache line for each. */
struct slot {
    _Alignas(SLOT_ALIGN) struct where where;
    _Atomic uint64_t beat, seen; /* see struct stall_sight, also below */
    atomic_bool ends;
};

/* What every rank knows of every other from the start. */
struct card {
    char host[64];
    int node, node_rank; /* the node's lowest rank; rank in the node */
    int pid;
    uint64_t pid_space; /* pids mean nothing in another one */
    struct heartbeat_address address;
};

struct comm_watch {
    struct comm *comm;
    struct comm_shared *window;
    struct slot *slot; /* of the node, by node_rank */
    struct card *card; /* owned: (size) */
    struct stall stall;
    double tick,
        now; /* `now` is 0 at the start and stands still when this process does */
    uint64_t token;
    int socket, wake; /* wake: an eventfd that ends the thread */
    pthread_t thread;
};

static char last_words[STALL_TEXT];
static atomic_int last_code = ST_OK; /* else the process ends, and surely */

static void end_now(int number)
{
    (void)number;
    log_write(last_words);
    _exit(last_code == ST_OK ? ST_FAIL : last_code);
}

static void set_alarm(double seconds)
{
    const struct sigaction action = {.sa_handler = end_now};
    sigaction(SIGALRM, &action, NULL);
    alarm((unsigned)ceil(seconds));
}

void comm_end_within(double seconds, const char *words)
{
    if (last_code != ST_OK)
        return;
    snprintf(last_words, sizeof last_words, "%s", words);
    set_alarm(seconds);
}

void comm_go_on(void)
{
    if (last_code == ST_OK)
        alarm(0);
}

void comm_end_surely(enum status code)
{
    sigset_t alarms;
    int none = ST_OK;
    if (!atomic_compare_exchange_strong(&last_code, &none, (int)code))
        return; /* it does already */
    last_words[0] = '\0';
    set_alarm(ABORT_SECONDS);
    sigemptyset(&alarms);
    sigaddset(&alarms, SIGALRM); /* the main thread may be where no signal reaches it */
    pthread_sigmask(SIG_UNBLOCK, &alarms, NULL);
}

/* --- what is seen --- */

static const struct card *my_card(const struct comm_watch *watch)
{
    return &watch->card[watch->comm->rank];
}

static bool near(const struct comm_watch *watch, int rank)
{
    return watch->card[rank].node == my_card(watch)->node;
}

static struct stall_sight look_at(const struct slot *slot)
{
    struct stall_sight sight = {
        .beat = atomic_load_explicit(&slot->beat, memory_order_relaxed),
        .seen = atomic_load_explicit(&slot->seen, memory_order_relaxed),
        .ends = atomic_load_explicit(&slot->ends, memory_order_relaxed),
    };
    where_look(&slot->where, &sight.spot);
    return sight;
}

static void see_node(struct comm_watch *watch)
{
    for (int r = 0; r < watch->comm->size; r++) {
        if (!near(watch, r))
            continue;
        struct stall_sight sight = look_at(&watch->slot[watch->card[r].node_rank]);
        stall_see(&watch->stall, r, &sight, watch->now);
    }
}

/* Datagrams may overtake each other. */
static void hear_others(struct comm_watch *watch)
{
    struct stall_sight sight;
    int rank;
    while (
        heartbeat_receive(watch->socket, watch->token, watch->comm->size, &rank, &sight))
        if (!near(watch, rank) && sight.beat > watch->stall.rank[rank].sight.beat)
            stall_see(&watch->stall, rank, &sight, watch->now);
}

/* To those who watch; and who watches tells all, so that a rank far from others' moves
   knows of them before its last resort. */
static void show_myself(struct comm_watch *watch)
{
    int rank = watch->comm->rank;
    struct slot *slot = &watch->slot[watch->comm->node_rank];
    uint64_t beat = atomic_load_explicit(&slot->beat, memory_order_relaxed);
    atomic_store_explicit(&slot->beat, beat + 1, memory_order_relaxed);
    atomic_store_explicit(&slot->seen, watch->stall.seen, memory_order_relaxed);
    struct stall_sight sight = look_at(slot);
    for (int r = 0; r < watch->comm->size; r++)
        if (!near(watch, r) &&
            (watch->stall.rank[r].monitor || watch->stall.rank[rank].monitor))
            heartbeat_send(watch->socket, watch->token, rank, &sight,
                           &watch->card[r].address);
}

/* --- what is said --- */

/* Why a rank of this node does not move, as far as the system says: "" if it does not. */
static void process_state(const struct comm_watch *watch, int rank, char text[128])
{
    const struct card *card = &watch->card[rank];
    char path[64], state = ' ';
    *text = '\0';
    if (!near(watch, rank) || card->pid_space != my_card(watch)->pid_space)
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

/* Also on other ranks than 0, which log may be told to keep silent. */
static void say(const struct comm_watch *watch, bool error, const char *text)
{
    char prefix[96];
    if (watch->comm->rank != 0)
        snprintf(prefix, sizeof prefix, "[rank %d %s] ", watch->comm->rank,
                 watch->comm->host);
    else
        snprintf(prefix, sizeof prefix, error ? "lockstep: " : "note: ");
    log_urgent(prefix, text);
}

static void describe(const struct comm_watch *watch, char text[STALL_TEXT])
{
    int culprit = stall_culprit(&watch->stall, watch->now);
    char state[128] = "";
    if (culprit >= 0)
        process_state(watch, culprit, state);
    stall_text(&watch->stall, watch->now, state, text);
}

static _Noreturn void end_job(struct comm_watch *watch, bool everyone)
{
    char text[STALL_TEXT], line[STALL_TEXT + 128];
    comm_end_surely(ST_FAIL);
    atomic_store_explicit(&watch->slot[watch->comm->node_rank].ends, true,
                          memory_order_relaxed);
    show_myself(watch);
    describe(watch, text);
    snprintf(line, sizeof line, "%s; %s (--stall-timeout %.0f)", text,
             everyone ? "ending the job" : "nobody has ended the job: this rank ends",
             watch->stall.timeout);
    say(watch, true, line);
    if (everyone)
        status_abort(ST_FAIL);
    _exit(ST_FAIL);
}

static void judge(struct comm_watch *watch)
{
    char text[STALL_TEXT], line[STALL_TEXT + 128];
    switch (stall_judge(&watch->stall, watch->now)) {
    case STALL_NONE:
        break;
    case STALL_WARNING:
        describe(watch, text);
        snprintf(line, sizeof line, "%s; the job is ended after %.0f s", text,
                 watch->stall.timeout);
        say(watch, false, line);
        break;
    case STALL_OVER:
        stall_over_text(&watch->stall, text);
        say(watch, false, text);
        break;
    case STALL_END:
        end_job(watch, true);
    case STALL_LAST_RESORT:
        end_job(watch, false);
    }
}

/* --- the thread --- */

/* Listens until it is time; false: the watch is over. */
static bool listen_until(struct comm_watch *watch, double time)
{
    struct pollfd fd[2] = {{.fd = watch->wake, .events = POLLIN},
                           {.fd = watch->socket, .events = POLLIN}}; /* -1 is ignored */
    for (;;) {
        double left = time - timer_now();
        if (poll(fd, 2, left > 0 ? (int)ceil(1000 * left) : 0) > 0 && fd[0].revents)
            return false;
        hear_others(watch);
        if (left <= 0)
            return true;
    }
}

static void *keep_watch(void *context)
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
        see_node(watch);
        show_myself(watch);
        judge(watch);
    } while (listen_until(watch, last + watch->tick));
    return NULL;
}

/* --- start and stop --- */

/* One rank that sees all would be enough, were it not for it to be the one that is
   stopped, or to be behind the link that is cut. On a single node everyone sees all. */
static void name_monitors(struct comm_watch *watch)
{
    const struct comm *comm = watch->comm;
    int other = 0;
    while (other < comm->size && watch->card[other].node == watch->card[0].node)
        other++;
    for (int r = 0; r < comm->size; r++) {
        struct stall_rank *rank = &watch->stall.rank[r];
        rank->host = watch->card[r].host;
        rank->near = near(watch, r);
        rank->monitor = r <= 1 || r == other || comm->node_size == comm->size;
    }
}

static void exchange_cards(struct comm_watch *watch)
{
    struct comm *comm = watch->comm;
    struct card mine = {.node_rank = comm->node_rank, .pid = getpid()};
    struct stat space;
    snprintf(mine.host, sizeof mine.host, "%s", comm->host);
    if (stat("/proc/self/ns/pid", &space) == 0)
        mine.pid_space = space.st_ino;
    MPI_WAIT(MPI_Allreduce(&comm->rank, &mine.node, 1, MPI_INT, MPI_MIN, comm->node));
    if (comm->node_size < comm->size)
        watch->socket = heartbeat_open(comm->size, &mine.address);
    watch->card = mem_zeroed((size_t)comm->size, sizeof mine);
    comm_allgather(comm, &mine, watch->card, sizeof mine);
    watch->token = heartbeat_token();
    comm_bcast(comm, &watch->token, sizeof watch->token, 0);
}

static void open_slots(struct comm_watch *watch)
{
    struct comm *comm = watch->comm;
    size_t bytes = (size_t)comm->node_size * sizeof *watch->slot;
    void *slots;
    watch->window = comm_shared_create(comm, bytes + SLOT_ALIGN, &slots);
    /* Mapped by pages, it is aligned alike on every rank. */
    slots = (char *)slots + (SLOT_ALIGN - (uintptr_t)slots % SLOT_ALIGN) % SLOT_ALIGN;
    if (comm->node_rank == 0)
        memset(slots, 0, bytes);
    comm_shared_sync(watch->window);
    watch->slot = slots;
    where_attach(&watch->slot[comm->node_rank].where);
}

struct comm_watch *comm_watch_start(struct comm *comm, double warn, double timeout)
{
    struct comm_watch *watch = mem_zeroed(1, sizeof *watch);
    watch->comm = comm;
    watch->tick = fmin(TICK, warn / TICKS_TO_WARN);
    watch->socket = -1;
    comm_end_within(timeout + STALL_GRACE,
                    "lockstep: other ranks have not come to the start; this one ends\n");
    stall_init(&watch->stall, comm->size, comm->rank, warn, timeout, 0);
    exchange_cards(watch);
    name_monitors(watch);
    open_slots(watch);
    watch->wake = eventfd(0, EFD_CLOEXEC);
    if (watch->wake < 0) {
        log_error("cannot watch the other ranks: %s", strerror(errno));
        status_abort(ST_FAIL);
    }
    comm_go_on();
    thread_start(&watch->thread, keep_watch, watch);
    comm->watch = watch;
    return watch;
}

void comm_watch_stop(struct comm_watch *watch)
{
    if (!watch)
        return;
    char words[STALL_TEXT];
    snprintf(words, sizeof words,
             "[rank %d %s] the other ranks have not come to the end of the job; this "
             "rank ends (--stall-timeout %.0f)\n",
             watch->comm->rank, watch->comm->host, watch->stall.timeout);
    comm_end_within(watch->stall.timeout + STALL_GRACE, words);
    where_mark(WHERE_END);
    eventfd_write(watch->wake, 1);
    pthread_join(watch->thread, NULL);
    show_myself(watch); /* that it has come to its end */
    see_node(watch);
    judge(watch); /* a warning may have to be taken back */
    where_attach(NULL);
    comm_shared_free(watch->window);
    heartbeat_close(watch->socket);
    close(watch->wake);
    stall_release(&watch->stall);
    watch->comm->watch = NULL;
    free(watch->card);
    free(watch);
}
