/* metrics: the history as a table. */
#include <stdio.h>

#include "base/fs.h"
#include "io/csv.h"
#include "train/metrics.h"

#define TABLE_TRAIN_FIELDS 5 /* of an entry, beside the step */
#define TABLE_EVAL_FIELDS  3 /* the split among them */

static void table_skip(FILE *file, int fields)
{
    for (int i = 0; i < fields; i++)
        fputc(',', file);
}

static void table_number(FILE *file, double number)
{
    fputc(',', file);
    csv_write_number(file, number);
}

static void table_write_train(FILE *file, const struct metrics_train *entry)
{
    if (!entry) {
        table_skip(file, TABLE_TRAIN_FIELDS);
        return;
    }
    table_number(file, entry->loss);
    table_number(file, entry->accuracy);
    table_number(file, entry->lr);
    table_number(file, entry->grad_norm);
    table_number(file, entry->images_per_second);
}

static void table_write_eval(FILE *file, const struct metrics_eval *entry, bool sets,
                             const char *split)
{
    if (!entry) {
        table_skip(file, TABLE_EVAL_FIELDS + sets);
        return;
    }
    fprintf(file, ",%s", split);
    table_number(file, entry->loss);
    table_number(file, entry->accuracy);
    if (sets)
        table_number(file, entry->average_precision);
}

/* Both lists are in the order of the steps. */
static void table_write_rows(FILE *file, const struct metrics *metrics,
                             const struct metrics_table *table)
{
    int t = 0, e = 0;
    while (t < metrics->trains || e < metrics->evals) {
        const struct metrics_train *train =
            t < metrics->trains ? &metrics->train[t] : NULL;
        const struct metrics_eval *eval = e < metrics->evals ? &metrics->eval[e] : NULL;
        if (train && eval && train->step < eval->step)
            eval = NULL;
        else if (train && eval && eval->step < train->step)
            train = NULL;
        uint64_t step = train ? train->step : eval->step;
        fprintf(file, "%llu", (unsigned long long)step);
        table_number(file, (double)step / table->epoch_steps);
        table_write_train(file, train);
        table_write_eval(file, eval, metrics->sets, table->split);
        fputc('\n', file);
        t += train != NULL;
        e += eval != NULL;
    }
}

enum status metrics_save_table(const struct metrics *metrics,
                               const struct metrics_table *table, const char *path)
{
    struct fs_writer writer;
    TRY(fs_write_begin(&writer, path));
    fprintf(writer.file,
            METRICS_TABLE_HEAD "lr,grad_norm,images_per_second,eval_split,val_loss,"
                               "val_accuracy%s\n",
            metrics->sets ? ",val_average_precision" : "");
    table_write_rows(writer.file, metrics, table);
    return fs_write_end(&writer);
}
