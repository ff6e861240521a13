#include "train/weights.h"

#include "base/where.h"
#include "spread.h"
#include "train/checkpoint.h"

enum status weights_read(struct comm *comm, const struct stage *stage,
                         const char *checkpoint, float *params, bool *averaged)
{
    const struct run_state weights = {.params = params};
    struct spread spread;
    enum status st = ST_OK;
    *averaged = false;
    where_mark(WHERE_CHECKPOINT);
    spread_init(&spread, stage, &weights, 1);
    if (comm_rank(comm) == 0)
        st = checkpoint_read_weights(checkpoint, stage->whole, &spread.stream, averaged);
    TRY(spread_scatter(&spread, comm, st));
    comm_bcast(comm, averaged, sizeof *averaged, 0);
    return ST_OK;
}
