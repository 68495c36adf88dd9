/*
 * One online rewrite (docs/ARCHITECTURE.md, "The online rewrite"): what the plan says, what the journal remembers, and
 * the sessions that work on it. Belongs to the Run; each step of the rewrite gets the same one.
 *
 * A rewrite has a schema of its own, named in each of its steps (PARAM_REWRITE). The shadow table lives in it under the
 * name of the source, so its indexes, constraints and sequences have their final names from the start, and the cut-over
 * exchanges the two tables with SET SCHEMA. After it the old table lives there.
 */
#ifndef PGSEAM_REWRITE_REWRITE_H
#define PGSEAM_REWRITE_REWRITE_H

#include "rewrite/flow.h"
#include "run/run.h"

typedef struct Capture Capture;
typedef struct Workers Workers;

/* Names of what a rewrite makes in its schema, beside the shadow table. No table of a user's is called so. */
#define REWRITE_DIRTY   "pgseam_dirty"   /* dirty keys of the source, until the cut-over */
#define REWRITE_WITNESS "pgseam_witness" /* unlogged, with a row, where one of the tables is unlogged */
#define REWRITE_REVERSE "pgseam_reverse" /* dirty keys of the new table, after it */

typedef struct Rewrite {
    Run *run;
    const Step *prepare; /* the plan's rewrite.prepare, which holds the parameters of the whole rewrite */
    char *name;          /* of its schema */
    char *schema;        /* of the source, unquoted ... */
    char *table;         /* ... and its name, which is the shadow's, too */
    gint64 live_oid;     /* the table that now has the application's name; 0: none ... */
    gint64 own_oid;      /* ... and the one of that name in the rewrite's schema */
    /* As in pgseam.rewrite. */
    gboolean is_known; /* it has a row there */
    gint64 source_oid; /* of the table as it was at the beginning; it keeps its oid when it becomes the old table */
    gint64 shadow_oid;
    gint64 filenode;    /* of the source when the copy began */
    gint64 blocks;      /* of the source when the copy began; -1: it has not */
    char *capture_kind; /* "logical" or "trigger"; NULL: not chosen yet */
    char *slot;         /* logical: name of the slot, which is the publication's, too; NULL */
    gboolean is_capturing;
    gboolean is_copied;
    gboolean is_indexed;
    gboolean is_verified;
    gboolean is_swapped;
    gboolean is_dropped;
    int restarts; /* of the copy, because the source's file was another one */
    gint64 rows_copied;
    gint64 keys_applied;
    /* Sessions: opened when first used, registered with the lease. */
    DbConn *apply;  /* catch-up, dirty keys */
    DbConn *waiter; /* waits for locks at the cut-over: writers.h */
    Capture *capture;
    Workers *workers;
    Flow *forward;        /* source -> shadow; read anew when the shadow gets its indexes */
    Flow *reverse;        /* new -> old, once swapped; NULL before */
    gint64 settled_since; /* monotonic microseconds: the attempt at the cut-over that is in hand */
    gint64 next_note;     /* monotonic microseconds: when progress is written down again */
    gint64 next_tidy;     /* ... and when the dirty table is vacuumed again */
    gint64 dirty_block;   /* where the next batch looks for dirty keys first */
} Rewrite;

/* The rewrite that `step` belongs to, opened if need be. It belongs to the run. Errors: those of db_open(), db_query(),
 * SEAM_ERROR_DRIFT if the source or the shadow is no longer the table it was. */
Rewrite *rewrite_of(Run *run, const Step *step, GError **error);

/* Read the journal's row and the names again. */
gboolean rewrite_reload(Rewrite *rewrite, GError **error);

/* SEAM_ERROR_DRIFT if a name no longer means the table that it should. */
gboolean rewrite_check(const Rewrite *rewrite, GError **error);

/* TRUE if the plan's consent is that there is no way back after the cut-over: nothing feeds the old table. */
gboolean rewrite_is_one_way(const Rewrite *rewrite);

/* Where one of the tables is unlogged: SEAM_ERROR_FAILED if the server has recovered from a crash since, which has
 * emptied it without telling anybody. On any session. */
gboolean rewrite_check_witness(const Rewrite *rewrite, DbConn *conn, GError **error);

/* The flow that goes on now: forward, or reverse after the cut-over. NULL on error. */
const Flow *rewrite_flow(Rewrite *rewrite, GError **error);

/* Go on with the capture that is there, if any: from now on each tick pumps it. */
gboolean rewrite_open_capture(Rewrite *rewrite, GError **error);

/* What `status` shows: "copy", "catch-up" ... */
gboolean rewrite_note_phase(Rewrite *rewrite, const char *phase, GError **error);

/* Read the flow (again): after the shadow's shape or indexes changed, and after the cut-over. */
gboolean rewrite_read_flow(Rewrite *rewrite, GError **error);

/* Set columns of the journal's row in the open transaction of `conn`, or in one of its own: `assignments` is SQL
 * ("is_copied = true"). */
gboolean rewrite_note(Rewrite *rewrite, DbConn *conn, const char *assignments, GError **error);

/* run_begin_on() and run_session() of its run. */
gboolean rewrite_begin(Rewrite *rewrite, DbConn *conn, GError **error);
DbConn *rewrite_session(Rewrite *rewrite, const char *role, GError **error);

/* Its session for catch-up and dirty keys, opened if need be. */
DbConn *rewrite_apply_session(Rewrite *rewrite, GError **error);

/* Quoted qualified names; the caller frees. */
char *rewrite_source_name(const Rewrite *rewrite); /* the application's table: the same name before and after */
char *rewrite_shadow_name(const Rewrite *rewrite); /* what is in the rewrite's schema: the shadow, then the old one */
char *rewrite_own_name(const Rewrite *rewrite, const char *name); /* something else in its schema */

#endif
