#include "cmd_lab.h"
enum status lab_batch(struct comm *comm, int argc, char **argv)
{
    (void)comm;
    (void)argc;
    (void)argv;
    return ST_OK;
}
enum status lab_threads(struct comm *comm, int argc, char **argv)
{
    (void)comm;
    (void)argc;
    (void)argv;
    return ST_OK;
}
