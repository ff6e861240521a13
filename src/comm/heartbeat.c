#include "comm/heartbeat.h"

#include <arpa/inet.h>
#include <ifaddrs.h>
#include <net/if.h>
#include <netinet/in.h>
#include <string.h>
#include <sys/random.h>
#include <sys/socket.h>
#include <unistd.h>

#include "base/timer.h"

#define DATAGRAM_ROOM \
    1024 /* bytes: what the kernel counts for a small one, and some more */

enum { FLAG_WAITS = 1, FLAG_ENDS = 2 };

/* As it is sent: all ranks have the same architecture, as MPI needs it, too. No gaps. */
struct heartbeat_datagram {
    uint64_t token;
    uint64_t step, moves, beat, seen;
    uint32_t rank, part, flags;
    int32_t layer;
};

static bool heartbeat_is_loopback(struct in_addr ip)
{
    return ntohl(ip.s_addr) >> 24 == 127;
}

/* Loopback addresses only if there are no others. */
static void heartbeat_find_addresses(struct heartbeat_address *address)
{
    struct ifaddrs *all = NULL;
    int count = 0;
    if (getifaddrs(&all) != 0)
        return;
    for (int loopback = 0; loopback < 2 && count == 0; loopback++) {
        for (struct ifaddrs *i = all; i && count < HEARTBEAT_ADDRESSES; i = i->ifa_next) {
            if (!i->ifa_addr || i->ifa_addr->sa_family != AF_INET ||
                !(i->ifa_flags & IFF_UP))
                continue;
            struct sockaddr_in ip;
            memcpy(&ip, i->ifa_addr, sizeof ip);
            if (heartbeat_is_loopback(ip.sin_addr) == (loopback == 1))
                address->ip[count++] = ip.sin_addr.s_addr;
        }
    }
    freeifaddrs(all);
}

/* Room for one datagram from each rank, as far as the system allows. */
static void heartbeat_make_room(int socket, int ranks)
{
    int room = 0, wanted = ranks * DATAGRAM_ROOM;
    socklen_t length = sizeof room;
    if (getsockopt(socket, SOL_SOCKET, SO_RCVBUF, &room, &length) == 0 && room < wanted)
        setsockopt(socket, SOL_SOCKET, SO_RCVBUF, &wanted, sizeof wanted);
}

int heartbeat_open(int ranks, struct heartbeat_address *address)
{
    struct sockaddr_in any = {.sin_family = AF_INET};
    socklen_t length = sizeof any;
    *address = (struct heartbeat_address){.port = 0};
    int fd = socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
    if (fd < 0)
        return -1;
    if (bind(fd, (struct sockaddr *)&any, sizeof any) != 0 ||
        getsockname(fd, (struct sockaddr *)&any, &length) != 0) {
        close(fd);
        return -1;
    }
    heartbeat_make_room(fd, ranks);
    address->port = any.sin_port;
    heartbeat_find_addresses(address);
    return fd;
}

void heartbeat_close(int socket)
{
    if (socket >= 0)
        close(socket);
}

/* An error of sendto may belong to an earlier datagram that nobody received, so errors do
   not stop anything. */
void heartbeat_send(int socket, uint64_t token, int rank, const struct stall_sight *sight,
                    const struct heartbeat_address *to)
{
    const struct heartbeat_datagram datagram = {
        .token = token,
        .step = sight->spot.step,
        .moves = sight->spot.moves,
        .beat = sight->beat,
        .seen = sight->seen,
        .rank = (uint32_t)rank,
        .part = sight->spot.part,
        .flags = (sight->spot.waiting ? FLAG_WAITS : 0) | (sight->ends ? FLAG_ENDS : 0),
        .layer = sight->spot.layer,
    };
    for (int i = 0; i < HEARTBEAT_ADDRESSES && to->ip[i] && socket >= 0; i++) {
        struct sockaddr_in there = {
            .sin_family = AF_INET, .sin_port = to->port, .sin_addr = {to->ip[i]}};
        ssize_t sent = sendto(socket, &datagram, sizeof datagram, 0,
                              (struct sockaddr *)&there, sizeof there);
        (void)sent;
    }
}

bool heartbeat_receive(int socket, uint64_t token, int ranks, int *rank,
                       struct stall_sight *sight)
{
    struct heartbeat_datagram datagram;
    ssize_t length;
    while (socket >= 0 &&
           (length = recv(socket, &datagram, sizeof datagram, MSG_TRUNC)) >= 0) {
        if (length != sizeof datagram || datagram.token != token ||
            datagram.rank >= (uint32_t)ranks || datagram.beat == 0)
            continue;
        *rank = (int)datagram.rank;
        *sight = (struct stall_sight){
            .spot = {.step = datagram.step,
                     .moves = datagram.moves,
                     .part = datagram.part,
                     .layer = datagram.layer,
                     .waiting = datagram.flags & FLAG_WAITS},
            .beat = datagram.beat,
            .seen = datagram.seen,
            .ends = datagram.flags & FLAG_ENDS,
        };
        return true;
    }
    return false;
}

uint64_t heartbeat_token(void)
{
    uint64_t token;
    if (getrandom(&token, sizeof token, GRND_NONBLOCK) != sizeof token)
        token = (uint64_t)(timer_now() * 1e9) ^ (uint64_t)getpid() << 32;
    return token;
}
