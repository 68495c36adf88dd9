/*
 * The journal: the schema pgseam in the target database. What we meant, and how far we came.
 *
 * Law: everything is written through `control` in a short transaction of its own, except what must commit together with
 * work: that is written through `work` inside its transaction (the functions that take a connection).
 */
#ifndef PGSEAM_RUN_JOURNAL_H
#define PGSEAM_RUN_JOURNAL_H

#include "db/conn.h"
#include "plan/plan.h"
#include "run/options.h"

/* id, name in the journal and in JSON, is it over, does somebody have to be running it */
#define MIGRATION_STATES(X)                                                                                            \
    X(STATE_PLANNED, "planned", FALSE, TRUE)                                                                           \
    X(STATE_EXPANDING, "expanding", FALSE, TRUE)                                                                       \
    X(STATE_BACKFILLING, "backfilling", FALSE, TRUE)                                                                   \
    X(STATE_GATED, "gated", FALSE, FALSE)                                                                              \
    X(STATE_CONTRACTING, "contracting", FALSE, TRUE)                                                                   \
    X(STATE_COMPLETE, "complete", TRUE, FALSE)                                                                         \
    X(STATE_ROLLING_BACK, "rolling_back", FALSE, TRUE)                                                                 \
    X(STATE_ROLLED_BACK, "rolled_back", TRUE, FALSE)                                                                   \
    X(STATE_FAILED, "failed", FALSE, FALSE)                                                                            \
    X(STATE_INTERRUPTED, "interrupted", FALSE, FALSE)

#define STATE_ENUM(id, name, over, active) id,
typedef enum MigrationState { MIGRATION_STATES(STATE_ENUM) N_STATES } MigrationState;

const char *state_name(MigrationState state);
MigrationState state_of_name(const char *name); /* as the journal has it */
gboolean state_is_over(MigrationState state);

/* What a migration is in the middle of; kept when it fails or is interrupted, so that resume knows the way. */
typedef enum Stage { STAGE_EXPAND, STAGE_BACKFILL, STAGE_GATE, STAGE_CONTRACT, STAGE_ROLLBACK, STAGE_DONE } Stage;
const char *stage_name(Stage stage);

typedef enum StepStatus { STEP_PENDING, STEP_RUNNING, STEP_DONE, STEP_UNDONE } StepStatus;

/* How far an online rewrite is. */
typedef struct JournalRewrite {
    gint64 migration;
    char *table;       /* qualified and quoted */
    char *phase;       /* what it does now, in the engine's words; NULL: has not begun */
    char *capture;     /* "logical" or "trigger"; NULL: not chosen yet ... */
    char *capture_why; /* ... and why it was */
    gint64 blocks;     /* of the table when the copy began; -1: it has not */
    gint64 blocks_done;
    gint64 rows_copied;
    double copy_s; /* time that the copy took so far; 0: has not begun */
    gint64 dirty_keys;
    gint64 keys_applied;
    int restarts; /* of the copy */
    int swap_ms;  /* how long the application could not write at the cut-over; -1: has not been */
    gboolean is_copied;
    gboolean is_indexed;
    gboolean is_verified;
    gboolean is_swapped;
    gboolean is_dropped;
} JournalRewrite;

typedef struct JournalMigration {
    gint64 id;
    char *name;
    MigrationState state; /* interrupted where it should run and nobody does */
    Stage stage;
    char *reason; /* why it failed, waits or was interrupted; NULL */
    gboolean is_paused;
    int steps_done;
    int steps_total;
    gint64 rows_done;
    gint64 rows_total;
    double backfill_s; /* time that the rows took so far */
    char *runner;      /* "start, pid 4711 on web-1" or NULL */
    char *created_at;
    char *changed_at;
    GPtrArray *rewrites; /* JournalRewrite; empty where it has none */
    gint64
        quarantined; /* rows that are missing a side (run/quarantine.h); -1: it has no quarantine, or not asked for */
} JournalMigration;

/* Whether there is a journal at all. */
gboolean journal_exists(DbConn *conn, gboolean *ret_exists, GError **error);

/* Make the schema and its tables where they are missing, and bring an older layout up to date. SEAM_ERROR_REFUSED with
 * what an administrator has to run once where the role may not, and for a journal made by a newer pgseam. */
gboolean journal_ensure(DbConn *conn, GError **error);

/* Until the end of the transaction nobody else makes anything in the schema, nor begins a migration. */
gboolean journal_lock(DbConn *conn, GError **error);

#define JOURNAL_NEWEST "pgseam.rollout_mismatch" /* the table that came last: where it is, all are */

/* A publication FOR ALL TABLES takes every table that we make, the journal's first, to subscribers that do not have it:
 * their replication would stop. SEAM_ERROR_REFUSED for one, unless `table` of the journal is there already or nobody
 * subscribes, and further tables are not wanted. */
gboolean journal_check_publications(DbConn *conn, const char *table, gboolean is_wanted, GError **error);

/*
 * Write down a new migration with its steps and the settings that were given, and take its tables; with it its rows
 * of the ledger (`entries`: LedgerEntry of run/ledger.h; NULL: it is of no folder). SEAM_ERROR_FENCED if
 * one of that name is under way or a table belongs to another one, naming it; SEAM_ERROR_REFUSED if one of that name is
 * complete.
 */
gboolean journal_begin(DbConn *conn, const Plan *plan, const RunOptions *options, const GPtrArray *entries,
                       gint64 *ret_id, GError **error);

/* Whether a migration of that name may begin: the same errors as journal_begin() has for the name, and those of
 * ledger_check_name(). */
gboolean journal_check_name(DbConn *conn, const char *name, GError **error);

/* All migrations, newest first, or those of one name. The caller unrefs. */
GPtrArray *journal_list(DbConn *conn, const char *name, GError **error);

/* Give each migration of such a list its rewrites; `name` as in journal_list(). A journal that is older than rewrites
 * has none. */
gboolean journal_read_rewrites(DbConn *conn, const char *name, GPtrArray *migrations, GError **error);

/* The one that is meant: the newest of that name, or without a name the one that is under way. SEAM_ERROR_REFUSED if
 * there is none or more than one. */
JournalMigration *journal_find(DbConn *conn, const char *name, GError **error);

/* The plan of a migration, as it was written down. */
Plan *journal_plan(DbConn *conn, gint64 migration, GError **error);

gboolean journal_set_state(DbConn *conn, gint64 migration, MigrationState state, Stage stage, const char *reason,
                           GError **error);
/* A state without a change of stage: failed or interrupted in the middle of it. */
gboolean journal_set_failed(DbConn *conn, gint64 migration, MigrationState state, const char *reason, GError **error);
gboolean journal_set_paused(DbConn *conn, gint64 migration, gboolean is_paused, GError **error);
gboolean journal_set_reason(DbConn *conn, gint64 migration, const char *reason, GError **error);
gboolean journal_is_paused(DbConn *conn, gint64 migration, gboolean *ret_is_paused, GError **error);

gboolean journal_step_status(DbConn *conn, gint64 migration, int step, StepStatus *ret_status, GError **error);
gboolean journal_set_step(DbConn *conn, gint64 migration, int step, StepStatus status, GError **error);

/* That the names of the migration's tables still mean the tables they meant at its beginning: SEAM_ERROR_DRIFT
 * otherwise. `renames` are quoted names that it changes itself. */
gboolean journal_check_names(DbConn *conn, gint64 migration, const GPtrArray *renames, GError **error);

/* One line of history. */
gboolean journal_event(DbConn *conn, gint64 migration, int step, const char *kind, const char *message, GError **error);

/* Give the tables back; with the state that ends the migration. */
gboolean journal_end(DbConn *conn, gint64 migration, MigrationState state, GError **error);

/* How far a backfill has come. `cursor` NULL: nothing yet; `high` NULL: no upper end. Lists of key values as text. */
typedef struct Chunk {
    gboolean exists;
    GPtrArray *cursor;
    GPtrArray *high;
    gint64 rows_seen;
    gint64 rows_changed;
    gint64 batches;
    int passes;
    gint64 pass_changed; /* rows changed in this pass */
    gboolean is_done;
} Chunk;

void chunk_clear(Chunk *chunk);
gboolean journal_get_chunk(DbConn *conn, gint64 migration, int step, Chunk *ret, GError **error);
/* Insert (batches = 0) or update, on the connection that does the work. `batches` must be one more than what is there:
 * SEAM_ERROR_FENCED otherwise, since a batch must never be noted twice. */
gboolean journal_put_chunk(DbConn *conn, gint64 migration, int step, const Chunk *chunk, gint64 batch_ms,
                           GError **error);

void journal_migration_free(JournalMigration *migration);
G_DEFINE_AUTOPTR_CLEANUP_FUNC(JournalMigration, journal_migration_free)

#endif
