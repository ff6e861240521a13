#include "app/run/agree.h"

#include <stdlib.h>

#include "base/log.h"
#include "base/mem.h"
#include "comm/comm.h"

void agree_begin(struct agree *agree)
{
    status_capture(agree->why);
}

enum status agree_end(struct agree *agree, struct comm *comm, enum status st)
{
    enum status *all = mem_zeroed((size_t)comm_size(comm), sizeof *all);
    int first = 0;
    status_capture(NULL);
    comm_allgather(comm, &st, all, sizeof st);
    while (first < comm_size(comm) - 1 && all[first] == ST_OK)
        first++;
    st = all[first];
    free(all);
    if (st != ST_OK && first == comm_rank(comm)) {
        bool replicated = log_set_replicated(false);
        log_error("%s", agree->why);
        log_set_replicated(replicated);
    }
    return st;
}
