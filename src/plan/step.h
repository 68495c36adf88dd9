/*
 * Steps: the smallest resumable units. Pure data; what a kind does is in steps/, under the same name.
 *
 * Law: the names of kinds, phases and parameters are in journals of live databases: never rename one.
 */
#ifndef PGSEAM_PLAN_STEP_H
#define PGSEAM_PLAN_STEP_H

#include <glib.h>

#include "rules/effects.h"

typedef enum Phase { PHASE_EXPAND, PHASE_BACKFILL, PHASE_CONTRACT } Phase;

/* How a step commits: its work and its "done" together, outside of any transaction, or batch by batch. */
typedef enum TxMode { TX_WITH_JOURNAL, TX_FORBIDDEN, TX_BATCHED } TxMode;

/* id, name in plan and journal, transaction, is the work beyond rollback, one line for people */
#define STEP_KINDS(X)                                                                                                  \
    X(STEP_TABLE_CREATE, "table.create", TX_WITH_JOURNAL, FALSE, "create the table")                                   \
    X(STEP_COLUMN_ADD, "column.add", TX_WITH_JOURNAL, FALSE, "add the column")                                         \
    X(STEP_COLUMN_DROP, "column.drop", TX_WITH_JOURNAL, TRUE, "drop the column")                                       \
    X(STEP_COLUMN_SET_DEFAULT, "column.set_default", TX_WITH_JOURNAL, FALSE, "set the default of new rows")            \
    X(STEP_COLUMN_DROP_DEFAULT, "column.drop_default", TX_WITH_JOURNAL, FALSE, "drop the default of new rows")         \
    X(STEP_COLUMN_DROP_NOT_NULL, "column.drop_not_null", TX_WITH_JOURNAL, FALSE, "allow NULL")                         \
    X(STEP_COLUMN_SET_NOT_NULL, "column.set_not_null", TX_WITH_JOURNAL, FALSE, "forbid NULL, proven by the check")     \
    X(STEP_CHECK_ADD_NOT_VALID, "check.add_not_valid", TX_WITH_JOURNAL, FALSE, "check new rows, scan nothing")         \
    X(STEP_CHECK_VALIDATE, "check.validate", TX_WITH_JOURNAL, FALSE, "prove the existing rows")                        \
    X(STEP_FOREIGN_KEY_ADD_NOT_VALID, "foreign_key.add_not_valid", TX_WITH_JOURNAL, FALSE,                             \
      "hold new rows to the foreign key, scan nothing")                                                                \
    X(STEP_FOREIGN_KEY_VALIDATE, "foreign_key.validate", TX_WITH_JOURNAL, FALSE, "look up the existing rows")          \
    X(STEP_CONSTRAINT_ADD, "constraint.add", TX_WITH_JOURNAL, FALSE, "make the index that is there a constraint")      \
    X(STEP_INDEX_CREATE, "index.create", TX_FORBIDDEN, FALSE, "build the index concurrently")                          \
    X(STEP_INDEX_DROP, "index.drop", TX_FORBIDDEN, TRUE, "drop the index concurrently")                                \
    X(STEP_INDEX_REINDEX, "index.reindex", TX_FORBIDDEN, FALSE, "rebuild the index concurrently")                      \
    X(STEP_PARTITION_DETACH, "partition.detach", TX_FORBIDDEN, TRUE, "detach the partition concurrently")              \
    X(STEP_BACKFILL_UPDATE, "backfill.update", TX_BATCHED, FALSE, "update the rows in batches")                        \
    X(STEP_BACKFILL_DELETE, "backfill.delete", TX_BATCHED, FALSE, "delete the rows in batches")                        \
    X(STEP_BACKFILL_INSERT, "backfill.insert", TX_BATCHED, FALSE, "insert the rows in batches")                        \
    X(STEP_DML_ONCE, "dml.once", TX_BATCHED, FALSE, "run the statement once, in one short transaction")                \
    X(STEP_OPAQUE_RUN, "opaque.run", TX_WITH_JOURNAL, FALSE, "run the statement as it stands, by consent")             \
    X(STEP_DDL_RUN, "ddl.run", TX_WITH_JOURNAL, FALSE, "run the statement as it stands, under the guard")              \
    X(STEP_DDL_FINAL, "ddl.final", TX_WITH_JOURNAL, TRUE, "run the statement as it stands; cannot be undone")          \
    X(STEP_VERSION_VERIFY, "version.verify", TX_BATCHED, FALSE, "compare what both versions read, row by row")         \
    X(STEP_VERSION_END, "version.end", TX_WITH_JOURNAL, TRUE, "take the old shape away, and compare what is left")     \
    X(STEP_REWRITE_PREPARE, "rewrite.prepare", TX_BATCHED, FALSE, "make the shadow table in its final shape")          \
    X(STEP_REWRITE_CAPTURE, "rewrite.capture", TX_BATCHED, FALSE, "capture the keys of rows that change")              \
    X(STEP_REWRITE_COPY, "rewrite.copy", TX_BATCHED, FALSE, "copy the rows")                                           \
    X(STEP_REWRITE_INDEX, "rewrite.index", TX_BATCHED, FALSE, "build the indexes and constraints")                     \
    X(STEP_REWRITE_CATCH_UP, "rewrite.catch_up", TX_BATCHED, FALSE, "catch up with the rows that changed meanwhile")   \
    X(STEP_REWRITE_VERIFY, "rewrite.verify", TX_BATCHED, FALSE, "compare the tables, row for row")                     \
    X(STEP_REWRITE_SWAP, "rewrite.swap", TX_BATCHED, FALSE, "cut over: the shadow takes the table's place")            \
    X(STEP_REWRITE_DROP, "rewrite.drop", TX_BATCHED, TRUE, "drop the old table and what kept it up to date")

#define STEP_KIND_ENUM(id, name, tx, final, doc) id,
typedef enum StepKind { STEP_KINDS(STEP_KIND_ENUM) STEP_N_KINDS } StepKind;

typedef struct StepTrait {
    const char *name;
    TxMode tx;
    gboolean is_final; /* once done, rollback of the migration is no longer possible */
    const char *doc;
} StepTrait;

const StepTrait *step_trait(StepKind kind);

/* FALSE if there is no such kind or phase. */
gboolean step_kind_of_name(const char *name, StepKind *ret_kind);
gboolean phase_of_name(const char *name, Phase *ret_phase);
const char *phase_name(Phase phase);

typedef struct StepLock {
    char *schema;
    char *table;
    LockMode mode;
    LockHold hold;
    gboolean is_owned; /* LOCK TABLE is ours to take; else only the statement itself can */
    gboolean for_undo; /* taken only when the step is taken back, beside the others */
    gboolean is_view;  /* locked before all tables, as whoever uses it does */
} StepLock;

/* Parameters that kinds use, by name in Step.params. */
#define PARAM_COLUMN      "column"      /* the column concerned */
#define PARAM_CONSTRAINT  "constraint"  /* the helper constraint of SET NOT NULL */
#define PARAM_INDEX       "index"       /* the index concerned */
#define PARAM_OLD_DEFAULT "old_default" /* what undo puts back; absent: there was none */
#define PARAM_REPEATABLE  "repeatable"  /* "true": running it again over a row does it no harm */
#define PARAM_SWEEP       "sweep"       /* "true": repeat until a whole pass finds no row */
#define PARAM_GREATER     "greater"     /* the operators by which a backfill walks its key */
#define PARAM_AT_MOST     "at_most"
#define PARAM_ALIAS       "alias"       /* what the statement calls its table */
#define PARAM_WALK        "walk"        /* backfill: "ctid": by blocks, "key" or absent: by key */
#define PARAM_WALK_SCHEMA "walk_schema" /* the table that is gone through; absent: the step's own */
#define PARAM_WALK_TABLE  "walk_table"
#define PARAM_PATIENT     "patient" /* dml.once: "true": as long as it takes, given up when somebody waits for it */
#define PARAM_SMALL       "small"   /* dml.once: "true": that table must still be small */
#define PARAM_COUNT       "count"   /* a query that counts the rows which keep a constraint from holding */
#define PARAM_SHOW        "show"    /* a query that shows some of them, one text a row */
#define PARAM_QUARANTINE                                                                                               \
    "quarantine"                     /* a statement that writes down which rows are missing their new side: how many   \
                                      */
#define PARAM_LIST       "list"      /* a query of the rows in quarantine: sync_quarantine_list_sql() */
#define PARAM_KEEP       "keep"      /* a statement that keeps what rollback takes: sync_quarantine_keep_sql() */
#define PARAM_MORE       "more"      /* ddl: a further statement of the same transaction; more2, more3 ... follow */
#define PARAM_LONG       "long"      /* ddl: "true": it may take long, since its lock lets reads and writes pass */
#define PARAM_JOINED     "joined"    /* "true": it shares the transaction of the step before it: one lock serves both */
#define PARAM_TRANSIENT  "transient" /* "true": a later step takes away again what this one makes */
#define PARAM_UNDO       "undo"  /* ddl: what takes it back; undo2, undo3 ... follow. Absent: nothing to take back */
#define PARAM_COPY       "copy"  /* version.verify: the quoted table to which columns of the step's own move */
#define PARAM_CHECK      "check" /* ddl: a query whose one boolean must be true before the transaction commits ... */
#define PARAM_CHECK_TEXT "check_text" /* ... and what is wrong if it is not */
#define PARAM_VERIFY     "verify"     /* ddl: a query whose one boolean says that the result is there */
#define PARAM_RENAMES    "renames"    /* ddl: a relation that has another name after it; renames2 ... follow */

/* version.end: what the catalog says of the table before and after must be the same, but for these. */
#define PARAM_GONE      "gone"    /* a thing of the inventory that goes, with what needs it: "column a"; gone2 ... */
#define PARAM_DROPPED   "dropped" /* a column that the file drops: whatever speaks of it may go with it; dropped2 ... */
#define PARAM_RETYPED   "retyped" /* a column that is another one of the same name; retyped2 ... */
#define PARAM_DEFAULTED "defaulted" /* ... whose default the file sets or drops; defaulted2 ... */

/* Of the step that makes a version's schema: its views on tables that complete changes. Whoever works with such a table
 * otherwise than through this version is the old application (watched); also through another version's view
 * (watched_all, which are watched, too). And of one that makes a view: what it cannot do, for people. */
#define PARAM_WATCHED     "watched" /* watched2 ... follow */
#define PARAM_WATCHED_ALL "watched_all"
#define PARAM_LIMITS      "limits"

/* partition.detach: the partition concerned, and the CHECK that DETACH leaves, to be dropped. */
#define PARAM_PARTITION        "partition"
#define PARAM_PARTITION_SCHEMA "partition_schema"
#define PARAM_CHECK            "check"

/* version.verify before the gate: the same for some rows, $1 tid[]: a query with the columns compared and mismatches,
 * and one that shows some of these (key, columns, old_side, new_side). */
#define PARAM_SAMPLE      "sample"
#define PARAM_SAMPLE_SHOW "sample_show"

/* rewrite.*: each step of a rewrite has PARAM_REWRITE; the others are those of its rewrite.prepare. */
#define PARAM_REWRITE    "rewrite" /* the schema of the rewrite: what belongs together */
#define PARAM_ALTER      "alter" /* what ALTER TABLE shall do to the empty shadow: "ALTER COLUMN a TYPE b"; alter2 ... */
#define PARAM_BUILD      "build"   /* the same once the rows are there: what makes an index; build2 ... */
#define PARAM_WITHOUT    "without" /* an index or constraint of the source that the shadow does not get; without2 ... */
#define PARAM_MAP_COLUMN "map_column" /* a column whose value is another one than the source's ... */
#define PARAM_MAP_UP     "map_up"     /* ... its expression over the source's columns (USING); "": a cast ... */
#define PARAM_MAP_DOWN   "map_down"   /* ... and the way back, over the new table's; "": a cast. map_column2 ... */
#define PARAM_WIDEN      "widen"      /* a quoted qualified sequence that becomes bigint; widen2 ... */
#define PARAM_ORDER_BY   "order_by"   /* the copy's order, SQL; absent: as the rows lie */
#define PARAM_ONE_WAY                                                                                                  \
    "one_way" /* and of rewrite.swap: "true": by consent there is no way back once the tables are exchanged */
#define PARAM_COLUMN_ORDER "column_order" /* the shadow's first columns, in this order; column_order2 ... */

typedef struct Step {
    int id; /* 1.., its place in the plan */
    Phase phase;
    StepKind kind;
    char *schema; /* the relation it works on; both NULL for opaque.run */
    char *table;
    char *sql; /* what runs: the user's own text or a splice of it; $n are bounds of a batch */
    char *why;
    int line;             /* of the statement in the file */
    const char *file;     /* the file, if the migration has several; NULL. Interned */
    const char *place;    /* both, for people: stmt_place_text() */
    GPtrArray *locks;     /* StepLock */
    GPtrArray *key;       /* backfill: the key columns ... */
    GPtrArray *key_types; /* ... and their types */
    GHashTable *params;   /* char * -> char * */
    double rows;          /* estimate of the rows to go through, 0 where it does not matter */
    double bytes;         /* the same of the new disk space that it needs */
} Step;

Step *step_new(Phase phase, StepKind kind, const char *schema, const char *table);
void step_free(Step *step);
G_DEFINE_AUTOPTR_CLEANUP_FUNC(Step, step_free)

/* Where its statement stands. `file` may be NULL. */
void step_set_place(Step *step, const char *file, int line);

/* TRUE if the relation that it works on is this one. */
gboolean step_is_of(const Step *step, const char *schema, const char *table);

void step_add_lock(Step *step, const char *schema, const char *table, LockMode mode, LockHold hold, gboolean is_owned);
/* A lock on a view, which takes those on what it reads along (LOCK TABLE, manual): ours to take. */
void step_add_view_lock(Step *step, const char *schema, const char *view, LockMode mode);
/* A lock that only undo takes. */
void step_add_undo_lock(Step *step, const char *schema, const char *table, LockMode mode, gboolean is_owned);
/* The same, or a stronger mode for a relation that has a lock already. */
void step_merge_lock(Step *step, const StepLock *lock);
void step_set(Step *step, const char *param, const char *value);
const char *step_get(const Step *step, const char *param); /* NULL if it is not set */
/* The n-th (from 1) of a parameter that comes in a row, and one more at its end; `value` then belongs to the step. */
const char *step_get_nth(const Step *step, const char *param, guint n);
void step_append(Step *step, const char *param, char *value);
/* One more statement in the step's transaction: its `sql`, if it has none yet, else PARAM_MORE. `sql` is taken over. */
void step_add_sql(Step *step, char *sql);
gboolean step_is(const Step *step, const char *param); /* set to "true" */

#endif
