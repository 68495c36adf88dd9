/*
 * What the parts of a backfill share. Private to steps/.
 *
 * backfill.c        a step from its beginning to its end
 * backfill_batch.c  one batch in one transaction, and what follows when it fails
 * backfill_key.c    the walk by a key
 * backfill_ctid.c   the walk by blocks, for tables without a key
 * backfill_once.c   no walk: the whole statement as one batch
 * backfill_pace.c   how large the next batch is
 */
#ifndef PGSEAM_STEPS_BACKFILL_H
#define PGSEAM_STEPS_BACKFILL_H

#include "run/journal.h"
#include "run/run.h"
#include "steps/backfill_pace.h"

#define BACKFILL_TICK_MS 50

typedef struct Batch {
    GPtrArray *values;     /* parameters of the step's statement; NULL: there is nothing to change */
    GPtrArray *end;        /* the cursor after it; NULL: it stays where it is */
    gint64 rows;           /* in it, as far as they are counted */
    gint64 changed;        /* by the statement */
    gboolean ends_pass;    /* nothing is left behind it */
    gboolean is_divisible; /* a smaller one is possible */
    double took_ms;
} Batch;

typedef struct Backfill Backfill;

/* How a table is walked. NULL where a way has nothing of the kind. */
typedef struct Walk {
    /* Once, before anything else: SQL. */
    void (*prepare)(Backfill *backfill);
    /* In the transaction that begins the walk: backfill->chunk.high, and is_done where there is nothing to do. */
    gboolean (*begin)(Backfill *backfill, GError **error);
    /* Whether the next batch is the statement over the whole table: it may take as long as it takes, but is given up as
     * soon as somebody has waited for it. */
    gboolean (*is_whole)(const Backfill *backfill);
    /* In the transaction of the batch: what it is. */
    gboolean (*next)(Backfill *backfill, Batch *batch, GError **error);
    /* After a batch that ends a pass: whether there is another one, and where it begins. */
    void (*turn)(const Backfill *backfill, Chunk *chunk);
    /* What a batch that cannot be divided is, for people. The caller frees. */
    char *(*describe)(const Backfill *backfill, const Batch *batch);
} Walk;

struct Backfill {
    Run *run;
    const Step *step;
    const Walk *walk;
    const char *schema; /* the table whose rows are gone through */
    const char *table;
    Chunk chunk;
    Pace pace;           /* rows of the next batch */
    int timeout_ms;      /* of its statements */
    int failures;        /* batches in a row that ran into a lock or the time limit */
    int timeouts;        /* of those, the last ones in a row that were too slow with nobody in the way */
    gint64 last_success; /* monotonic microseconds */
    int bisecting;       /* batches still to go without growth: looking for the row that fails */
    char *blockers;      /* who was in the way of the batch */
    char *find_end;      /* walk by key: SQL for the last key of the next batch ... */
    char *find_rest;     /* ... and for that of the first and the last batch of a pass, which checks the order */
    gboolean is_whole;   /* the batch in hand */
};

extern const Walk walk_by_key;
extern const Walk walk_by_ctid;
extern const Walk walk_once;

/* One batch and its consequences; FALSE where the backfill ends with an error. */
gboolean backfill_batch(Backfill *backfill, GError **error);

#endif
