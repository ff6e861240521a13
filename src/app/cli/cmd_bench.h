/* cmd_bench: shared by the sources of `lockstep bench`. */
#ifndef LOCKSTEP_APP_CMD_BENCH_H
#define LOCKSTEP_APP_CMD_BENCH_H

#include <stdbool.h>

#include "app/config/config.h"
#include "base/status.h"
#include "lab/trial.h"
#include "nn/model.h"

struct bench_request {
    const char *batches, *threads, *bytes, *config, *data, *image_size;
    long long repeats, grain, grains, stall_timeout;
    bool json, lines, train_only;
};

/* Peaks in FLOP/s. */
void bench_print_machine(double registers, double sgemm);

/* The network of request->config, or the reference network, and images for it. */
struct bench_network {
    struct config config;
    struct model model;
    struct trial_input input; /* of a grain */
};
/* Release it also after a failure. */
enum status bench_network_init(struct bench_network *network,
                               const struct bench_request *request) MUST_CHECK;
void bench_network_release(struct bench_network *network);

struct comm;

enum status bench_step(struct comm *comm, const struct bench_request *request) MUST_CHECK;
enum status bench_layers(const struct bench_request *request) MUST_CHECK;
enum status bench_conv(const struct bench_request *request) MUST_CHECK;
enum status bench_rule(const struct bench_request *request) MUST_CHECK;
enum status bench_reduce(struct comm *comm,
                         const struct bench_request *request) MUST_CHECK;

#endif
