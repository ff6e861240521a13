/*
 * cgroup: the limits of memory and of CPU time of the Linux control groups that this
 * process is in, as containers, SLURM and systemd set them.
 *
 * Versions 1 and 2 and both at once (hybrid). A group is limited by each group above it,
 * too, so that the limit is the least on the way up to the root of the hierarchy, as far
 * as that is visible: in a container the hierarchy is often mounted from the container's
 * own group downwards. Source: the kernel's Documentation/admin-guide/cgroup-v1 and
 * cgroup-v2.rst; proc(5) for /proc/PID/mountinfo and cgroups(7) for /proc/PID/cgroup;
 * sched-bwc.rst for the quota.
 */
#ifndef LOCKSTEP_BASE_CGROUP_H
#define LOCKSTEP_BASE_CGROUP_H

#include <stddef.h>

#define CGROUP_FILE 512 /* bytes of a file's name */

/* `root` is put before every path that is read: "" for this machine, a folder with a copy
   of /proc and /sys in tests. where: the file in which the limit stands, "" without one;
   may be NULL. */

/* Bytes; SIZE_MAX: no limit is set or none can be read. */
size_t cgroup_memory_limit(const char *root, char where[CGROUP_FILE]);

/* CPUs whose time the groups may use, such as 1.5; 0: no quota is set or none can be
   read. Threads beyond it run, but the kernel stops them for a part of each period. */
double cgroup_cpu_quota(const char *root, char where[CGROUP_FILE]);

#endif
