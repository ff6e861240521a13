/* Each test builds a tree with its own /proc and /sys and reads it. */
#include "../scratch.h"

#include "base/cgroup.h"

static char tree[FS_PATH]; /* of the current test */

static void begin(const char *name)
{
    snprintf(tree, sizeof tree, "%s", scratch_path(name));
}

/* A file in the tree, with the folders above it. */
static void put(const char *path, const char *text)
{
    char whole[2 * FS_PATH];
    snprintf(whole, sizeof whole, "%s%s", tree, path);
    char *slash = strrchr(whole, '/');
    *slash = '\0';
    assert_int_equal(fs_make_folder(whole), ST_OK);
    *slash = '/';
    FILE *file = fopen(whole, "w");
    assert_non_null(file);
    assert_true(fputs(text, file) >= 0);
    assert_int_equal(fclose(file), 0);
}

static void expect_limit(size_t bytes)
{
    assert_int_equal(cgroup_memory_limit(tree, NULL), bytes);
}

/* ... and it stands in this file of the tree. */
static void expect_limit_in(size_t bytes, const char *file)
{
    char where[CGROUP_FILE];
    assert_int_equal(cgroup_memory_limit(tree, where), bytes);
    assert_string_equal(where, file);
}

static void expect_quota(double cpus, const char *file)
{
    char where[CGROUP_FILE];
    assert_true(cgroup_cpu_quota(tree, where) == cpus);
    assert_string_equal(where, file);
}

#define ROOT_MOUNT "22 1 8:1 / / rw,relatime shared:1 - ext4 /dev/sda1 rw\n"
#define V2_MOUNT   "30 22 0:26 / /sys/fs/cgroup rw shared:4 - cgroup2 cgroup2 rw\n"
#define V1_MOUNT                                                          \
    "31 22 0:27 / /sys/fs/cgroup/cpu rw - cgroup cgroup rw,cpu,cpuacct\n" \
    "32 22 0:28 / /sys/fs/cgroup/memory rw - cgroup cgroup rw,memory\n"
/* How version 1 writes that there is no limit. */
#define V1_NONE "9223372036854771712\n"

static void test_version_2(void **state)
{
    (void)state;
    begin("v2");
    put("/proc/self/mountinfo", ROOT_MOUNT V2_MOUNT);
    put("/proc/self/cgroup", "0::/job\n");
    expect_limit(SIZE_MAX); /* no file of a limit: the root group has none */
    put("/sys/fs/cgroup/job/memory.max", "max\n");
    expect_limit(SIZE_MAX);
    put("/sys/fs/cgroup/job/memory.max", "1048576\n");
    expect_limit(1048576);
    put("/sys/fs/cgroup/job/memory.high", "524288\n");
    expect_limit_in(524288, "/sys/fs/cgroup/job/memory.high");
    put("/sys/fs/cgroup/job/memory.max", "0\n");
    expect_limit_in(0, "/sys/fs/cgroup/job/memory.max");
}

/* Each group on the way up counts, and no other. */
static void test_nested(void **state)
{
    (void)state;
    begin("nested");
    put("/proc/self/mountinfo", ROOT_MOUNT V2_MOUNT);
    put("/proc/self/cgroup", "0::/slurm/job/step\n");
    put("/sys/fs/cgroup/slurm/job/step/memory.max", "max\n");
    put("/sys/fs/cgroup/slurm/job/memory.max", "3000\n");
    put("/sys/fs/cgroup/slurm/memory.max", "4000\n");
    put("/sys/fs/cgroup/slurm/job/other/memory.max", "10\n");
    expect_limit(3000);
    put("/sys/fs/cgroup/slurm/memory.max", "2000\n");
    expect_limit_in(2000, "/sys/fs/cgroup/slurm/memory.max");
    put("/sys/fs/cgroup/slurm/job/step/memory.max", "1000\n");
    expect_limit(1000);
    put("/sys/fs/cgroup/memory.max", "500\n"); /* as in a container */
    expect_limit(500);
}

static void test_version_1(void **state)
{
    (void)state;
    begin("v1");
    put("/proc/self/mountinfo", ROOT_MOUNT V1_MOUNT);
    put("/proc/self/cgroup",
        "5:name=systemd:/x\n4:memory:/slurm/job\n1:cpu,cpuacct:/y\n");
    put("/sys/fs/cgroup/memory/memory.limit_in_bytes", V1_NONE);
    put("/sys/fs/cgroup/memory/slurm/memory.limit_in_bytes", "7000\n");
    put("/sys/fs/cgroup/memory/slurm/job/memory.limit_in_bytes", V1_NONE);
    put("/sys/fs/cgroup/memory/x/memory.limit_in_bytes", "10\n");
    put("/sys/fs/cgroup/cpu/y/memory.limit_in_bytes", "10\n");
    expect_limit(7000);
    put("/sys/fs/cgroup/memory/slurm/job/memory.limit_in_bytes", "6000\n");
    expect_limit(6000);
}

/* The controller mounted together with another, elsewhere. */
static void test_version_1_elsewhere(void **state)
{
    (void)state;
    begin("v1-elsewhere");
    put("/proc/self/mountinfo",
        ROOT_MOUNT "32 22 0:28 / /cg\\040roups/m rw - cgroup none rw,cpuset,memory\n");
    put("/proc/self/cgroup", "2:cpuset,memory:/a b\n");
    put("/cg roups/m/a b/memory.limit_in_bytes", "123\n");
    expect_limit(123);
}

/* Both at once: the memory controller belongs to one of them. */
static void test_hybrid(void **state)
{
    (void)state;
    begin("hybrid");
    put("/proc/self/mountinfo", ROOT_MOUNT V1_MOUNT
        "40 22 0:40 / /sys/fs/cgroup/unified rw - cgroup2 cgroup2 rw\n");
    put("/proc/self/cgroup", "4:memory:/job\n0::/system/job\n");
    put("/sys/fs/cgroup/memory/job/memory.limit_in_bytes", "5000\n");
    put("/sys/fs/cgroup/unified/system/job/cgroup.procs", "1\n");
    expect_limit(5000);
    put("/sys/fs/cgroup/unified/system/memory.max", "4000\n");
    expect_limit(4000);
}

/* A container sees its own group as the root of the hierarchy. */
static void test_namespaces(void **state)
{
    (void)state;
    begin("namespace"); /* /proc/self/cgroup is told the same */
    put("/proc/self/mountinfo", ROOT_MOUNT V2_MOUNT);
    put("/proc/self/cgroup", "0::/\n");
    put("/sys/fs/cgroup/memory.max", "900\n");
    expect_limit(900);

    begin("no-namespace"); /* /proc/self/cgroup gives the host's path */
    put("/proc/self/mountinfo", ROOT_MOUNT
        "32 22 0:28 /docker/abc /sys/fs/cgroup/memory ro - cgroup cgroup rw,memory\n");
    put("/proc/self/cgroup", "4:memory:/docker/abc/sub\n");
    put("/sys/fs/cgroup/memory/memory.limit_in_bytes", "800\n");
    put("/sys/fs/cgroup/memory/docker/abc/sub/memory.limit_in_bytes", "10\n");
    expect_limit(800);
    put("/sys/fs/cgroup/memory/sub/memory.limit_in_bytes", "700\n");
    expect_limit(700);

    begin("outside"); /* the mount does not show the group: its top is all there is */
    put("/proc/self/mountinfo", ROOT_MOUNT
        "32 22 0:28 /docker/abc /sys/fs/cgroup/memory ro - cgroup cgroup rw,memory\n");
    put("/sys/fs/cgroup/memory/memory.limit_in_bytes", "600\n");
    put("/sys/fs/cgroup/memory/d/memory.limit_in_bytes", "10\n");
    put("/proc/self/cgroup", "4:memory:/docker/abcd\n");
    expect_limit(600);
    put("/proc/self/cgroup", "4:memory:/../d\n");
    expect_limit(600);
}

/* Of several mounts, those that show the group decide. */
static void test_several_mounts(void **state)
{
    (void)state;
    begin("several");
    put("/proc/self/mountinfo",
        ROOT_MOUNT V2_MOUNT "33 22 0:26 /other /mnt/other rw - cgroup2 cgroup2 rw\n"
                            "34 22 0:26 / /mnt/all rw - cgroup2 cgroup2 rw\n");
    put("/proc/self/cgroup", "0::/job\n");
    put("/mnt/other/memory.max", "10\n");
    put("/mnt/all/job/memory.max", "400\n");
    expect_limit(400);
}

static void test_missing_and_odd_files(void **state)
{
    (void)state;
    begin("none");
    expect_limit(SIZE_MAX);
    put("/proc/self/cgroup", "0::/job\n4:memory:/job\n");
    expect_limit(SIZE_MAX);
    put("/proc/self/mountinfo", "");
    expect_limit(SIZE_MAX);
    put("/proc/self/mountinfo", "1\n1 2 3 / /x\n1 2 3 / /x rw - cgroup2\n- - - - - - -\n"
                                "1 2 3 / /x\\ rw - cgroup2 none\n" V2_MOUNT);
    put("/proc/self/cgroup", "\nx\n0:\n0::\n0::/job\n");
    put("/sys/fs/cgroup/job/memory.max", "");
    expect_limit(SIZE_MAX);
    put("/sys/fs/cgroup/job/memory.max", "300"); /* no end of line */
    expect_limit(300);
}

/* Overlay file systems have mountinfo lines of many kilobytes. */
static void test_long_lines(void **state)
{
    (void)state;
    static char info[100000];
    begin("long");
    int used =
        snprintf(info, sizeof info, "20 1 0:9 / / rw - overlay overlay rw,lowerdir=");
    memset(info + used, 'x', 60000);
    snprintf(info + used + 60000, 1000, "\n%s", V2_MOUNT);
    put("/proc/self/mountinfo", info);
    put("/proc/self/cgroup", "0::/job\n");
    put("/sys/fs/cgroup/job/memory.max", "200\n");
    expect_limit(200);
}

static void test_quota_version_2(void **state)
{
    (void)state;
    begin("quota-v2");
    put("/proc/self/mountinfo", ROOT_MOUNT V2_MOUNT);
    put("/proc/self/cgroup", "0::/pod/box\n");
    expect_quota(0, "");
    put("/sys/fs/cgroup/pod/box/cpu.max", "max 100000\n");
    expect_quota(0, "");
    put("/sys/fs/cgroup/pod/box/cpu.max", "150000 100000\n");
    expect_quota(1.5, "/sys/fs/cgroup/pod/box/cpu.max");
    put("/sys/fs/cgroup/pod/cpu.max", "25000 50000\n"); /* above it, another period */
    expect_quota(0.5, "/sys/fs/cgroup/pod/cpu.max");
    put("/sys/fs/cgroup/pod/cpu.max", "800000 100000\n");
    put("/sys/fs/cgroup/cpu.max", "100000 100000\n"); /* as in a container */
    expect_quota(1, "/sys/fs/cgroup/cpu.max");
    put("/sys/fs/cgroup/cpu.max", "50000\n"); /* the kernel's period */
    expect_quota(0.5, "/sys/fs/cgroup/cpu.max");
    put("/sys/fs/cgroup/cpu.max", "50000 0\n");
    put("/sys/fs/cgroup/pod/cpu.max", "\n");
    expect_quota(1.5, "/sys/fs/cgroup/pod/box/cpu.max");
}

static void test_quota_version_1(void **state)
{
    (void)state;
    begin("quota-v1");
    put("/proc/self/mountinfo", ROOT_MOUNT V1_MOUNT);
    put("/proc/self/cgroup", "4:memory:/other\n1:cpu,cpuacct:/docker/box\n");
    put("/sys/fs/cgroup/cpu/other/cpu.cfs_quota_us", "1000\n");
    put("/sys/fs/cgroup/cpu/docker/box/cpu.cfs_quota_us", "-1\n");
    put("/sys/fs/cgroup/cpu/docker/box/cpu.cfs_period_us", "100000\n");
    expect_quota(0, "");
    put("/sys/fs/cgroup/cpu/docker/cpu.cfs_quota_us", "250000\n");
    put("/sys/fs/cgroup/cpu/docker/cpu.cfs_period_us", "100000\n");
    expect_quota(2.5, "/sys/fs/cgroup/cpu/docker/cpu.cfs_quota_us");
    put("/sys/fs/cgroup/cpu/docker/box/cpu.cfs_quota_us", "10000\n");
    expect_quota(0.1, "/sys/fs/cgroup/cpu/docker/box/cpu.cfs_quota_us");
    expect_limit(SIZE_MAX); /* a quota is no limit of memory */
}

/* A container with a mount of its own group only, under version 1 and a hybrid. */
static void test_quota_namespaces(void **state)
{
    (void)state;
    begin("quota-box");
    put("/proc/self/mountinfo",
        ROOT_MOUNT "31 22 0:27 /docker/box /sys/fs/cgroup/cpu,cpuacct ro - cgroup cgroup "
                   "rw,cpu,cpuacct\n"
                   "40 22 0:40 / /sys/fs/cgroup/unified rw - cgroup2 cgroup2 rw\n");
    put("/proc/self/cgroup", "3:cpu,cpuacct:/docker/box\n0::/system/box\n");
    put("/sys/fs/cgroup/cpu,cpuacct/cpu.cfs_quota_us", "300000\n");
    put("/sys/fs/cgroup/cpu,cpuacct/cpu.cfs_period_us", "200000\n");
    expect_quota(1.5, "/sys/fs/cgroup/cpu,cpuacct/cpu.cfs_quota_us");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_version_2),
        cmocka_unit_test(test_nested),
        cmocka_unit_test(test_version_1),
        cmocka_unit_test(test_version_1_elsewhere),
        cmocka_unit_test(test_hybrid),
        cmocka_unit_test(test_namespaces),
        cmocka_unit_test(test_several_mounts),
        cmocka_unit_test(test_missing_and_odd_files),
        cmocka_unit_test(test_long_lines),
        cmocka_unit_test(test_quota_version_2),
        cmocka_unit_test(test_quota_version_1),
        cmocka_unit_test(test_quota_namespaces),
    };
    return cmocka_run_group_tests(tests, scratch_setup, scratch_teardown);
}
