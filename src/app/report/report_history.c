#include <stdlib.h>

#include "base/mem.h"
#include "report_pages.h"

/* Accuracies in %. */
void report_history_init(struct report_history *history, const struct metrics *metrics)
{
    size_t trains = (size_t)metrics->trains, evals = (size_t)metrics->evals;
    double *next = mem_zeroed(6 * trains + 3 * evals + 1, sizeof *next);
    *history = (struct report_history){
        .trains = metrics->trains, .evals = metrics->evals, .memory = next};
    double **const train[] = {&history->step, &history->loss,      &history->accuracy,
                              &history->lr,   &history->grad_norm, &history->speed};
    double **const eval[] = {&history->eval_step, &history->eval_loss,
                             &history->eval_accuracy};
    for (int i = 0; i < 6; i++, next += trains)
        *train[i] = next;
    for (int i = 0; i < 3; i++, next += evals)
        *eval[i] = next;
    for (size_t i = 0; i < trains; i++) {
        const struct metrics_train *entry = &metrics->train[i];
        history->step[i] = (double)entry->step;
        history->loss[i] = entry->loss;
        history->accuracy[i] = 100 * entry->accuracy;
        history->lr[i] = entry->lr;
        history->grad_norm[i] = entry->grad_norm;
        history->speed[i] = entry->images_per_second;
    }
    for (size_t i = 0; i < evals; i++) {
        history->eval_step[i] = (double)metrics->eval[i].step;
        history->eval_loss[i] = metrics->eval[i].loss;
        history->eval_accuracy[i] = 100 * metrics->eval[i].accuracy;
    }
}

void report_history_release(struct report_history *history)
{
    free(history->memory);
}
