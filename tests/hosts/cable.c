/* cable: joins two Ethernet interfaces by a cable that delays and loses frames, for
   kernels without netem: cable A B DELAY_US LOSS_PERMILLE. It makes the TAP interfaces A
   and B, passes the frames of each to the other after the delay, and drops that many of
   1000 at random. Without loss frames of up to 64 kB pass whole, as with a network card
   that segments them itself. Runs until it is killed. */
#include <errno.h>
#include <fcntl.h>
#include <linux/if.h>
#include <linux/if_tun.h>
#include <poll.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <time.h>
#include <unistd.h>

#define FRAME_MAX  (64 * 1024 + 128)
#define FLIGHT_MAX 16384 /* frames in a cable: more are lost, as in a full switch */

struct frame {
    int64_t due; /* nanoseconds */
    ssize_t size;
    char *bytes;
};

/* One direction: frames read from `in` are written to `out`. */
struct wire {
    int in, out;
    unsigned long sent, arrived; /* frames [arrived, sent) are under way */
    struct frame flight[FLIGHT_MAX];
};

static void cable_fail(const char *what)
{
    fprintf(stderr, "cable: %s: %s\n", what, strerror(errno));
    exit(1);
}

static int64_t cable_now(void)
{
    struct timespec time;
    clock_gettime(CLOCK_MONOTONIC, &time);
    return time.tv_sec * (int64_t)1000000000 + time.tv_nsec;
}

static int cable_open_tap(const char *name, int whole)
{
    struct ifreq request = {.ifr_flags = IFF_TAP | IFF_NO_PI};
    int fd = open("/dev/net/tun", O_RDWR | O_NONBLOCK | O_CLOEXEC);
    if (fd < 0)
        cable_fail("cannot open '/dev/net/tun'");
    if (whole)
        request.ifr_flags |= IFF_VNET_HDR;
    snprintf(request.ifr_name, sizeof request.ifr_name, "%s", name);
    if (ioctl(fd, TUNSETIFF, &request) < 0)
        cable_fail(name);
    if (whole && ioctl(fd, TUNSETOFFLOAD, TUN_F_CSUM | TUN_F_TSO4 | TUN_F_TSO6) < 0)
        cable_fail("cannot pass large frames");
    return fd;
}

static void wire_receive(struct wire *wire, int64_t delay, int loss)
{
    static char bytes[FRAME_MAX];
    ssize_t size;
    while ((size = read(wire->in, bytes, sizeof bytes)) > 0) {
        if (random() % 1000 < loss || wire->sent - wire->arrived == FLIGHT_MAX)
            continue;
        struct frame *frame = &wire->flight[wire->sent++ % FLIGHT_MAX];
        *frame = (struct frame){cable_now() + delay, size, malloc((size_t)size)};
        if (!frame->bytes)
            cable_fail("frames under way");
        memcpy(frame->bytes, bytes, (size_t)size);
    }
}

/* Delivers the frames that are due. Returns when the next one is, or -1 for none. */
static int64_t wire_deliver(struct wire *wire)
{
    for (; wire->arrived < wire->sent; wire->arrived++) {
        struct frame *frame = &wire->flight[wire->arrived % FLIGHT_MAX];
        if (frame->due > cable_now())
            return frame->due;
        ssize_t written = write(wire->out, frame->bytes, (size_t)frame->size);
        (void)written; /* an interface that is down or full loses it */
        free(frame->bytes);
    }
    return -1;
}

/* Waits until a frame arrives or the next one is due, which is never if `due` is -1. */
static void cable_wait(const struct wire wire[2], int64_t due)
{
    struct pollfd polled[2] = {{wire[0].in, POLLIN, 0}, {wire[1].in, POLLIN, 0}};
    int64_t left = due - cable_now();
    if (left < 0)
        left = 0;
    struct timespec time = {(time_t)(left / 1000000000), (long)(left % 1000000000)};
    if (ppoll(polled, 2, due < 0 ? NULL : &time, NULL) < 0 && errno != EINTR)
        cable_fail("poll");
}

int main(int argc, char **argv)
{
    static struct wire wire[2];
    if (argc != 5) {
        fprintf(stderr, "usage: cable A B DELAY_US LOSS_PERMILLE\n");
        return 2;
    }
    int64_t delay = atol(argv[3]) * 1000;
    int loss = atoi(argv[4]);
    for (int i = 0; i < 2; i++)
        wire[i].in = wire[1 - i].out = cable_open_tap(argv[1 + i], loss == 0);
    for (;;) {
        int64_t due = -1;
        for (int i = 0; i < 2; i++) {
            wire_receive(&wire[i], delay, loss);
            int64_t next = wire_deliver(&wire[i]);
            if (next >= 0 && (due < 0 || next < due))
                due = next;
        }
        cable_wait(wire, due);
    }
}
