/*
 * claims: statements about parallelism in small networks, and whether they hold here.
 *
 * The statements are from a first table of speed-ups, measured on a machine of 8 cores.
 */
#ifndef LOCKSTEP_LAB_CLAIMS_H
#define LOCKSTEP_LAB_CLAIMS_H

struct claim {
    const char *claim;
    char here[128]; /* what was measured here */
    char holds[48]; /* "yes", "no: less", "only with ...", "-" */
};

#define RESULTS_CLAIMS 6
struct results;
/* The claims about layers and operations. */
void claims_results(const struct results *results, struct claim claim[RESULTS_CLAIMS]);

/* "a batch of 16 to 64 is the sweet spot"; knee: trial_knee of the rows. */
struct trial_row;
void claim_batch(const struct trial_row *rows, int count, int knee, struct claim *claim);

/* "diminishing returns beyond 4 to 6 workers"; end: grid_end of the points. */
struct grid_point;
void claim_workers(const struct grid_point *points, int count, int end, int cpus,
                   struct claim *claim);

#endif
