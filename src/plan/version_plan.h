/*
 * What the files of the version's steps share; nobody else includes it.
 */
#ifndef PGSEAM_PLAN_VERSION_PLAN_H
#define PGSEAM_PLAN_VERSION_PLAN_H

#include "plan/version.h"
#include "version/view.h"

/* server_version_num of the first server whose views can read with the rights of whoever asks. */
#define INVOKER_SERVER 150000

/* TRUE if there is a view beneath the application's, which marks what the new one inserts. */
gboolean version_is_marked(const VersionTable *table);

/* The application's view as it is made, or as it stays from PHASE_CONTRACT on, on the table itself and with the names
 * that its columns have by then; and the one beneath it. The caller clears. */
void version_fill_view(VersionView *view, const PlanContext *ctx, const VersionTable *table, Phase phase);
void version_fill_inner(VersionView *view, const PlanContext *ctx, const VersionTable *table);
void version_view_clear(VersionView *view);
G_DEFINE_AUTO_CLEANUP_CLEAR_FUNC(VersionView, version_view_clear)

/* Whom the gate counts as the old application. */
typedef enum VersionWatched {
    WATCHED_NOT,   /* complete does nothing to the table */
    WATCHED_TABLE, /* whoever uses the table itself: its names change, and other versions' views keep theirs */
    WATCHED_ALL,   /* and whoever comes through another version's view */
} VersionWatched;
VersionWatched version_watched(const PlanContext *ctx, const VersionTable *table);

/* At the very beginning of contract: the views of other versions that show what goes, taken away. */
void version_plan_old(PlanContext *ctx, const GPtrArray *tables);

/* All tables of the search_path: a view for each, of those that are no table of the list yet, too. What cannot have one
 * is told; refused where a statement could take views along. */
gboolean version_pin_all(PlanContext *ctx, GPtrArray *tables, GError **error);

/* Refused where the version's schema cannot be made. */
gboolean version_check_schema(const PlanContext *ctx, GError **error);

/* The schema and the views. */
void version_plan_views(PlanContext *ctx, const GPtrArray *tables, Phase phase);

/* What the view of the table cannot do, of what belongs to this table: NULL if nothing; the caller frees. And a note on
 * what holds for all views. */
char *version_limits(const VersionTable *table);
void version_note_limits(PlanContext *ctx, const GPtrArray *tables);

/* A step at the end of a phase, of the statement `stmt`. */
Step *version_step(PlanContext *ctx, Phase phase, StepKind kind, const Stmt *stmt, const FactTable *table);

/* The lock of a step on the table and, where it has partitions, on all of them. */
void version_lock(Step *step, const FactTable *table, LockMode mode, LockHold hold);

/* The first statement becomes the step's, unless it has one; the others follow in its transaction. */
void version_add_all(Step *step, const GPtrArray *statements);
/* To be run, in this order, when the step is undone. */
void version_undo_all(Step *step, const GPtrArray *statements);

/* The steps that keep columns in step: the schema of our own for all of `tables`; for one table columns and triggers
 * (expand), what fills the new columns of the rows that are there, the comparison (behind the backfill), and the end of
 * it all in one transaction (contract). */
void version_plan_own(PlanContext *ctx, const GPtrArray *tables);
void version_plan_sync(PlanContext *ctx, const VersionTable *table);
gboolean version_plan_fill(PlanContext *ctx, const VersionTable *table, GError **error);
void version_plan_verify(PlanContext *ctx, const VersionTable *table, Phase phase);
void version_plan_end(PlanContext *ctx, const VersionTable *table);
/* Take the file's own DROP COLUMN of the table into a step: they belong into the transaction in which the triggers go.
 */
void version_take_drops(PlanContext *ctx, const VersionTable *table, Step *into);
void version_plan_own_end(PlanContext *ctx, const GPtrArray *tables);

#endif
