/*
 * message: floats on their way from one rank to another while both compute.
 *
 * Slots are numbered by the caller; in each there is one message at a time, and its
 * floats are not touched before it was waited for. Messages of one kind between two ranks
 * arrive in the order in which they were sent. Not collective; main thread only. Open MPI
 * moves large messages on only inside its calls: message_wait of any slot is one.
 */
#ifndef LOCKSTEP_COMM_MESSAGE_H
#define LOCKSTEP_COMM_MESSAGE_H

#include <stddef.h>

#include "comm/comm.h"

#define MESSAGE_KINDS 2

struct messages;

/* comm is borrowed and outlives them. */
struct messages *messages_create(struct comm *comm, int slots);
void messages_free(struct messages *messages); /* all were waited for; NULL is fine */

/* kind: 0 .. MESSAGE_KINDS - 1. The slot is empty. */
void message_send(struct messages *messages, int slot, const float *from, size_t count,
                  int to, int kind);
void message_receive(struct messages *messages, int slot, float *to, size_t count,
                     int from, int kind);

/* Until the slot's message is there, or was taken; at once if there is none. */
void message_wait(struct messages *messages, int slot);

#endif
