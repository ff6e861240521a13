#include "lab/conv_speed.h"

#include <stdlib.h>

#include "base/timer.h"
#include "base/where.h"

#define SPEED_ROUNDS  60  /* at most */
#define SPEED_LEAST   5   /* rounds */
#define SPEED_SECONDS 0.1 /* of a way's runs, unless SPEED_LEAST take more */
#define SPEED_FLOATS  ((size_t)12 << 20) /* of x and y together, unless n is 1 */

struct speed_times {
    double run[CONV_WAYS][SPEED_ROUNDS], pack[CONV_WAYS][SPEED_ROUNDS];
    int rounds;
};

static int speed_compare(const void *a, const void *b)
{
    double x = *(const double *)a, y = *(const double *)b;
    return (x > y) - (x < y);
}

static double speed_quartile(double *seconds, int count)
{
    qsort(seconds, (size_t)count, sizeof *seconds, speed_compare);
    return seconds[count / 4];
}

static int speed_images(const struct conv_shape *shape, int grain)
{
    size_t image = (size_t)shape->h * (size_t)shape->w * (size_t)shape->c +
                   (size_t)shape->p * (size_t)shape->q * (size_t)shape->k;
    size_t most = SPEED_FLOATS / image;
    return most < 1 ? 1 : most < (size_t)grain ? (int)most : grain;
}

/* All ways once: the first round only warms up. */
static double speed_round(const struct conv_trial *trial, struct speed_times *times)
{
    double begin = timer_thread(), since = begin;
    where_mark(trial->pass == CONV_FORWARD ? WHERE_FORWARD : WHERE_BACKWARD);
    for (int w = 0; w < trial->ways; w++) {
        conv_trial_pack(trial, w);
        double packed = timer_thread();
        conv_trial_run(trial, w);
        double now = timer_thread();
        times->pack[w][times->rounds] = packed - since;
        times->run[w][times->rounds] = now - packed;
        since = now;
    }
    return since - begin;
}

void conv_speed_measure(struct conv_speed *speed, const struct conv_subject *subject,
                        enum conv_pass pass, int grain, int effort)
{
    struct conv_shape shape = subject->shape;
    struct speed_times times = {.rounds = 0};
    struct conv_trial trial;
    shape.n = speed_images(&shape, grain);
    conv_trial_init(&trial, pass, &shape);
    const struct conv_algorithm *chosen =
        conv_algorithm_chosen(pass, &shape, &subject->policy);
    double sum = 0, patience = effort * SPEED_SECONDS * trial.ways;
    int least = effort * SPEED_LEAST;
    speed_round(&trial, &times);
    while (times.rounds < SPEED_ROUNDS && (times.rounds < least || sum < patience)) {
        sum += speed_round(&trial, &times);
        times.rounds++;
    }
    *speed = (struct conv_speed){.images = shape.n, .ways = trial.ways};
    for (int w = 0; w < trial.ways; w++)
        speed->way[w] = (struct conv_way_speed){
            .way = trial.way[w],
            .seconds = speed_quartile(times.run[w], times.rounds) / shape.n,
            .pack = speed_quartile(times.pack[w], times.rounds),
            .chosen = trial.way[w] == chosen};
    conv_trial_release(&trial);
}
