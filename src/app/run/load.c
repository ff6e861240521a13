#include "app/run/load.h"

#include <stdlib.h>

#include "comm/comm.h"
#include "kernels/cpu.h"

double load_average(struct comm *comm, double *per_cpu)
{
    double load[2] = {0, 0};
    if (getloadavg(load, 1) != 1)
        load[0] = 0;
    load[1] = load[0] / cpu_online();
    comm_max_f64(comm, load, 2);
    if (per_cpu)
        *per_cpu = load[1];
    return load[0];
}
