/* Sessions that stay in a transaction for long, as every real database has them. */
#ifndef LOAD_DISTURB_H
#define LOAD_DISTURB_H

#include "fleet.h"

typedef struct Disturber Disturber;

Disturber *disturb_new(Load *load);

/* Ends all of them at once, whatever they are at. */
void disturb_free(Disturber *disturber);

typedef enum { GUEST_READER, GUEST_IDLE, GUEST_SNAPSHOT, GUEST_KINDS } GuestKind;

/*
 * One transaction that stays for so long; returns when it has begun to.
 * reader:   REPEATABLE READ, has read users, holds snapshot and lock, reads again at the end.
 * idle:     has read users and orders.
 * snapshot: REPEATABLE READ, touches users for the first time at the end.
 */
gboolean disturb_visit(Disturber *disturber, GuestKind kind, int milliseconds, GError **error);

/* Lets such sessions come and go at random, or no more. */
void disturb_at_random(Disturber *disturber, gboolean on);

#endif
