/*
 * The reference model: what the application must find in the database. The key space is cut into slots; a client holds
 * one slot alone while it lives, so the model of a slot needs no lock and no write of another client can blur it.
 */
#ifndef LOAD_MODEL_H
#define LOAD_MODEL_H

#include "shop.h"

#define SLOTS 64

/* A row some client has touched. When the outcome of a commit is unknown, `before` is what it was otherwise. */
typedef struct {
    Row now;
    Row *before;
} Entry;

typedef struct {
    int number;
    /* Counts the values made up in this slot, so that none is used twice. */
    guint serial;
    GHashTable *rows[TABLES];
    GArray *added[TABLES];
    GHashTable *orders_of;
    GHashTable *maybe;
} Slot;

typedef struct {
    Shop shop;
    Slot slots[SLOTS];
    gboolean taken[SLOTS];
    GMutex lock;
    GHashTable *ignored;
} Model;

/* An empty model of a freshly filled shop. */
Model *model_new(const Shop *shop);
void model_free(Model *model);

/* Takes a free slot at random, NULL when all are taken; gives it back. */
Slot *model_take_slot(Model *model, GRand *random);
void model_return_slot(Model *model, Slot *slot);

/* The slot a row belongs to when nobody of this run has added it. */
Slot *model_home(Model *model, TableId table, const Row *row);

/* The touched row of that id, NULL when untouched. */
Entry *model_entry(const Slot *slot, TableId table, gint64 id);

/* Copies a row the client may touch: it exists and its state is certain. FALSE when the slot has none. */
gboolean model_pick(const Model *model, Slot *slot, TableId table, GRand *random, Row *row);

/* A preloaded user of the slot whether it exists or not (for upserts); FALSE when there is none. */
gboolean model_pick_preloaded(const Model *model, Slot *slot, GRand *random, Row *row);

/* The state of a row of this slot, touched or not; FALSE when it is unknown. */
gboolean model_row(const Model *model, const Slot *slot, TableId table, gint64 id, Row *row);

/* Ids of all orders that user ever had in this slot, deleted ones included. */
GArray *model_orders_of(const Model *model, const Slot *slot, gint64 user);

/* A committed change, and one whose commit may or may not have happened. */
void model_apply(const Model *model, Slot *slot, TableId table, const Row *row);
void model_unsure(const Model *model, Slot *slot, TableId table, const Row *row);

/* A user of this name may have been inserted, id unknown. */
void model_maybe(Slot *slot, const char *name);

/* Leaves a column, as in "users.name", out of all comparisons from now on. */
void model_ignore(Model *model, const char *column);
gboolean model_ignores(Model *model, TableId table, int column);

#endif
