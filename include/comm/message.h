/*
 * message: floats sent from one rank to another while both compute.
 *
 * The caller numbers the slots. A slot holds one message at a time, whose floats must not
 * be touched before message_wait. Messages of one kind between two ranks arrive in the
 * order in which they were sent. Not collective; main thread only. Open MPI advances
 * large messages only inside its calls; message_wait of any slot is one.
 */
#ifndef LOCKSTEP_COMM_MESSAGE_H
#define LOCKSTEP_COMM_MESSAGE_H

#include <stddef.h>

#include "comm/comm.h"

#define MESSAGE_KINDS 2

struct messages;

/* comm is borrowed and must outlive the messages. */
struct messages *messages_create(struct comm *comm, int slots);
void messages_free(struct messages *messages); /* all slots are empty; NULL is fine */

/* kind: 0 .. MESSAGE_KINDS - 1. The slot must be empty. */
void message_send(struct messages *messages, int slot, const float *from, size_t count,
                  int to, int kind);
void message_receive(struct messages *messages, int slot, float *to, size_t count,
                     int from, int kind);

/* Waits until the slot's message has arrived, or its floats may be overwritten; the slot
   is empty then. Returns at once if it is empty already. */
void message_wait(struct messages *messages, int slot);

#endif
