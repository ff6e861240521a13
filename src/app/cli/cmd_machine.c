/* machine: what lockstep may use of this machine, for people and for scripts. */
#include <arpa/inet.h>
#include <ifaddrs.h>
#include <net/if.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "app/cli/cli.h"
#include "app/cli/commands.h"
#include "app/version.h"
#include "base/bytes.h"
#include "base/fs.h"
#include "base/log.h"
#include "base/mem.h"
#include "comm/comm.h"
#include "kernels/cpu.h"

/* What is not at hand as a function elsewhere. */
struct machine_facts {
    char host[256];
    double load;
    size_t shm_bytes, shm_free;
    char huge_pages[16]; /* transparent ones: always, madvise, never; "" unknown */
    char *interfaces;    /* "eth0 10.0.0.2, ib0 10.1.0.2" */
};

/* "always [madvise] never": the word in brackets. */
static void facts_find_huge_pages(struct machine_facts *facts)
{
    char *text, said[STATUS_TEXT];
    size_t bytes;
    status_capture(said);
    enum status st =
        fs_read_text("/sys/kernel/mm/transparent_hugepage/enabled", &text, &bytes);
    status_capture(NULL);
    if (st != ST_OK)
        return;
    char *word = strchr(text, '['), *end = word ? strchr(word, ']') : NULL;
    if (end)
        snprintf(facts->huge_pages, sizeof facts->huge_pages, "%.*s",
                 (int)(end - word - 1), word + 1);
    free(text);
}

static void facts_add_interface(struct machine_facts *facts, const struct ifaddrs *at)
{
    char text[INET_ADDRSTRLEN];
    const struct sockaddr_in *address = (const void *)at->ifa_addr;
    if (!address || address->sin_family != AF_INET || !(at->ifa_flags & IFF_UP) ||
        at->ifa_flags & IFF_LOOPBACK ||
        !inet_ntop(AF_INET, &address->sin_addr, text, sizeof text))
        return;
    mem_append(&facts->interfaces, "%s%s %s", *facts->interfaces ? ", " : "",
               at->ifa_name, text);
}

static void facts_find(struct machine_facts *facts)
{
    *facts = (struct machine_facts){.interfaces = mem_strdup("")};
    struct ifaddrs *list;
    gethostname(facts->host, sizeof facts->host - 1);
    if (getloadavg(&facts->load, 1) != 1)
        facts->load = 0;
    mem_shm_room(&facts->shm_bytes, &facts->shm_free);
    facts_find_huge_pages(facts);
    if (getifaddrs(&list) != 0)
        return;
    for (const struct ifaddrs *at = list; at; at = at->ifa_next)
        facts_add_interface(facts, at);
    freeifaddrs(list);
}

static int facts_usable_cores(void)
{
    return cpu_within_quota(cpu_allowed_cores(), cpu_quota());
}

/* --- for scripts --- */

static void facts_print_keys(const struct machine_facts *facts)
{
    log_out("lockstep=%s\nhost=%s\ncpu=%s\n", app_version(), facts->host, cpu_model());
    log_out("sockets=%d\ncores=%d\ncpus=%d\n", cpu_sockets(), cpu_cores(), cpu_online());
    log_out("allowed_cpus=%d\nallowed_cores=%d\nallowed_list=%s\n", cpu_allowed(),
            cpu_allowed_cores(), cpu_allowed_list());
    log_out("quota_cpus=%.6g\nquota_from=%s\n", cpu_quota(), cpu_quota_source());
    log_out("usable_cpus=%d\nusable_cores=%d\n", cpu_usable(), facts_usable_cores());
    log_out("isa=%s\n", cpu_isa_name(cpu_isa()));
    for (int level = 1; level <= 3; level++)
        log_out("l%d_bytes=%zu\n", level, cpu_cache(level));
    log_out("memory_bytes=%zu\navailable_bytes=%zu\n", mem_machine(), mem_available());
    log_out("limit_bytes=%zu\nlimit_from=%s\nnode_limit_bytes=%zu\n", mem_limit(),
            mem_limit_source(), mem_shared_limit());
    log_out("shm_bytes=%zu\nshm_free_bytes=%zu\n", facts->shm_bytes, facts->shm_free);
    log_out("huge_pages=%s\nload=%.2f\n", facts->huge_pages, facts->load);
    log_out("blas=%s\nmpi=%s\ninterfaces=%s\n", cpu_blas(), comm_version(),
            facts->interfaces);
}

/* --- for people --- */

static const char *facts_s(int count)
{
    return count == 1 ? "" : "s";
}

static void facts_print_cpus(void)
{
    double quota = cpu_quota();
    log_out("cpu         %s, %d socket%s, %d core%s, %d CPU%s\n", cpu_model(),
            cpu_sockets(), facts_s(cpu_sockets()), cpu_cores(), facts_s(cpu_cores()),
            cpu_online(), facts_s(cpu_online()));
    log_out("caches      L1 %s, L2 %s, L3 %s\n", bytes_text((double)cpu_cache(1)).text,
            bytes_text((double)cpu_cache(2)).text, bytes_text((double)cpu_cache(3)).text);
    log_out("allowed     %d CPU%s of %d core%s: %s\n", cpu_allowed(),
            facts_s(cpu_allowed()), cpu_allowed_cores(), facts_s(cpu_allowed_cores()),
            cpu_allowed_list());
    if (quota > 0)
        log_out("quota       the time of %.3g CPU%s (%s)\n", quota, quota == 1 ? "" : "s",
                cpu_quota_source());
    else
        log_out("quota       none\n");
    log_out("threads     %d for all ranks of this machine together\n", cpu_usable());
    log_out("kernels     %s, %s\n", cpu_isa_name(cpu_isa()), cpu_blas());
}

static void facts_print_memory(const struct machine_facts *facts)
{
    log_out("memory      %s, of which %s are available\n",
            bytes_text((double)mem_machine()).text,
            bytes_text((double)mem_available()).text);
    log_out("limit       %s for this process (%s), %s for all ranks here\n",
            bytes_text((double)mem_limit()).text, mem_limit_source(),
            bytes_text((double)mem_shared_limit()).text);
    log_out("/dev/shm    %s, of which %s are free\n",
            bytes_text((double)facts->shm_bytes).text,
            bytes_text((double)facts->shm_free).text);
    log_out("huge pages  %s\n", *facts->huge_pages ? facts->huge_pages : "unknown");
}

static void facts_print(const struct machine_facts *facts)
{
    log_out("host        %s\n", facts->host);
    facts_print_cpus();
    facts_print_memory(facts);
    log_out("load        %.2f in the last minute\n", facts->load);
    log_out("mpi         %s\n", comm_version());
    log_out("network     %s\n", *facts->interfaces ? facts->interfaces : "none");
    log_out("lockstep    %s\n", app_version());
}

enum status cmd_machine(struct comm *comm, int argc, char **argv)
{
    (void)comm;
    bool keys = false;
    const struct cli_option options[] = {
        {"keys", CLI_FLAG, &keys, NULL,
         "print lines 'key=value' for scripts, sizes in bytes; no quota is 0"},
        {0},
    };
    const struct cli_command command = {
        "machine", "", 0, 0,
        "Print what this machine has and what lockstep may use of it: CPUs, affinity\n"
        "and quota; memory and its limit, and what sets it; /dev/shm; libraries."};
    int count;
    TRY(cli_parse(&command, options, argc, argv, NULL, &count));
    if (count < 0)
        return ST_OK;
    struct machine_facts facts;
    facts_find(&facts);
    if (keys)
        facts_print_keys(&facts);
    else
        facts_print(&facts);
    free(facts.interfaces);
    return ST_OK;
}
