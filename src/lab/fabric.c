#include "lab/fabric.h"

#include <stdio.h>
#include <string.h>

#include "base/mem.h"
#include "base/parse.h"
#include "comm/comm.h"

#define FABRIC_PAYLOAD   (1448.0 / 1538.0) /* of TCP over Ethernet */
#define FABRIC_PINGS     41
#define FABRIC_LONG_PING 0.1 /* seconds: slow links must not be busy for minutes */

struct fabric_unit {
    const char *name;
    double factor;
};

/* A number directly followed by one of the units. */
static bool fabric_read_value(const char *text, const struct fabric_unit *units,
                              double lo, double hi, double *value)
{
    size_t length = strcspn(text, "bBkKMGnmus");
    char number[32];
    if (length == 0 || length >= sizeof number || strspn(text, "0123456789.") != length)
        return false;
    memcpy(number, text, length);
    number[length] = '\0';
    for (const struct fabric_unit *unit = units; unit->name; unit++) {
        if (strcmp(text + length, unit->name) != 0)
            continue;
        double read;
        if (!parse_real(number, 0, 1e12, &read))
            return false;
        *value = read * unit->factor;
        return *value >= lo && *value <= hi;
    }
    return false;
}

enum status fabric_parse(const char *text, struct fabric *fabric)
{
    static const struct fabric_unit speeds[] = {
        {"bit", 1.0 / 8},  {"kbit", 1e3 / 8}, {"Mbit", 1e6 / 8},
        {"Gbit", 1e9 / 8}, {"B", 1},          {"kB", 1e3},
        {"MB", 1e6},       {"GB", 1e9},       {NULL, 0}};
    static const struct fabric_unit times[] = {
        {"ns", 1e-9}, {"us", 1e-6}, {"ms", 1e-3}, {"s", 1}, {NULL, 0}};
    char copy[FABRIC_TEXT], *rest = copy;
    *fabric = (struct fabric){.known = true, .given = true, .between_nodes = true};
    if (strlen(text) >= sizeof copy)
        FAIL(ST_USAGE, "'--network %.40s...': expected something like 10Gbit,20us", text);
    snprintf(copy, sizeof copy, "%s", text);
    snprintf(fabric->text, sizeof fabric->text, "%s", text);
    char *speed = strsep(&rest, ",");
    if (!rest || !fabric_read_value(speed, speeds, 1e3, 1e13, &fabric->link.bandwidth) ||
        !fabric_read_value(rest, times, 1e-9, 10, &fabric->link.latency))
        FAIL(
            ST_USAGE,
            "'--network %s': expected bandwidth and latency like 10Gbit,20us, from "
            "8kbit to 10000GB (bit, kbit, Mbit, Gbit, B, kB, MB, GB per second) and from "
            "1ns to 10s (ns, us, ms, s)",
            text);
    fabric->link.bandwidth *= FABRIC_PAYLOAD;
    return ST_OK;
}

void fabric_measure(struct comm *comm, struct fabric *fabric)
{
    int other = comm_far_rank(comm);
    char hosts[2][64] = {"", ""};
    *fabric = (struct fabric){0};
    if (comm_size(comm) == 1)
        return;
    fabric->known = true;
    fabric->between_nodes = other > 0;
    other = fabric->between_nodes ? other : 1;
    fabric->link = comm_measure_link(comm, other, FABRIC_PINGS, FABRIC_LONG_PING);
    for (int i = 0; i < 2; i++) {
        snprintf(hosts[i], sizeof hosts[i], "%s", comm_host(comm));
        comm_bcast(comm, hosts[i], sizeof hosts[i], i ? other : 0);
    }
    if (fabric->between_nodes)
        snprintf(fabric->text, sizeof fabric->text, "measured, %.20s to %.20s", hosts[0],
                 hosts[1]);
    else
        snprintf(fabric->text, sizeof fabric->text, "measured, within %.20s", hosts[0]);
}
