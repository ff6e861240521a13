#include "lab/results.h"

const int results_sizes[RESULTS_GAINS] = {16, 100, 1000, 10000};

/* The largest measured number of threads that the machine has CPUs for. */
static int results_threads(const struct machine *machine)
{
    int threads = machine->team[machine->teams - 1].threads;
    for (int t = 0; t < machine->teams; t++)
        if (machine->team[t].threads <= machine->cpus && machine->team[t].threads > 1)
            threads = machine->team[t].threads;
    return threads;
}

void results_microbench(struct results *results, const struct model *model)
{
    results->threads = results_threads(&results->machine);
    microbench_layouts(&results->layouts, results->table.batch);
    results->walks = microbench_walks(&results->machine, results->walk);
    results->convs =
        microbench_convs(model, results->table.batch, results->conv, RESULTS_CONVS);
    for (int i = 0; i < RESULTS_GAINS; i++) {
        results->relu_gain[i] = microbench_vector_gain(OP_RELU, (size_t)results_sizes[i]);
        results->gelu_gain[i] = microbench_vector_gain(OP_GELU, (size_t)results_sizes[i]);
    }
    if (results->threads > 1) {
        for (int op = 0; op < OPS; op++)
            results->breakeven[op] = microbench_breakeven(op, results->threads);
        results->gelu = microbench_op(OP_GELU, RESULTS_SMALL, results->threads);
        results->pool = microbench_op(OP_MAXPOOL, RESULTS_SMALL, results->threads);
    }
}
