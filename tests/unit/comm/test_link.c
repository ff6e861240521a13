/* The measurement of the link between two ranks. Run alone, and by mpirun on hosts with a
   slow link between them (tests/hosts/plan.bats). */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "comm/comm.h"
#include "comm/world.h"

#define LONGEST (4.0 * (1 << 20)) /* bytes of a long message */

static struct comm *comm;

/* The transfer time of a long message is not lost in a long latency. */
static void test_measured(void **state)
{
    (void)state;
    if (comm_size(comm) == 1) {
        assert_int_equal(comm_far_rank(comm), 0);
        return;
    }
    struct comm_link link = comm_measure_link(comm, comm_size(comm) - 1, 3, 1e-3);
    double least[] = {-link.latency, -link.bandwidth};
    comm_max_f64(comm, least, 2);
    assert_true(link.latency == -least[0] && link.bandwidth == -least[1]);
    assert_true(link.latency > 0 && link.bandwidth > 0);
    print_message("# %g s, %g B/s\n", link.latency, link.bandwidth);
    assert_true(link.bandwidth * link.latency < 10 * LONGEST);
}

int main(int argc, char **argv)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(test_measured)};
    comm = comm_start(&argc, &argv);
    int failed = cmocka_run_group_tests(tests, NULL, NULL);
    comm_finish(comm);
    return failed;
}
