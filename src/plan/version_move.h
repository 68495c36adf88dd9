/*
 * Columns that move to a table of their own, in a file with a version: CREATE TABLE, INSERT ... SELECT, DROP COLUMN.
 * What both sides do until complete is said in version/move.h. Private to plan/.
 *
 * Law: a file with a version that fills something from columns which it drops is a move of the one shape that is known
 * to be right, or it is refused: rows written later by the old application would be missing, in silence.
 */
#ifndef PGSEAM_PLAN_VERSION_MOVE_H
#define PGSEAM_PLAN_VERSION_MOVE_H

#include "plan/version_plan.h"
#include "version/move.h"

typedef struct VersionMove {
    Move *move;
    const Stmt *insert;
    const FactTable *source;
} VersionMove;

void version_move_free(gpointer move);

/* TRUE if the statement of a file with a version brings rows or values from columns of another table which the file
 * drops. */
gboolean version_move_is(const PlanContext *ctx, const Stmt *stmt);

/* The same for any statement that fills this table of the file. */
gboolean version_move_fills(const PlanContext *ctx, const CreateTableStmt *create);

/* The move that such a statement is; NULL, with the reason, where it is none that can be carried out. The caller frees
 * with version_move_free(). */
VersionMove *version_move_read(PlanContext *ctx, const Stmt *stmt, GError **error);

/* Whether the statement in hand is one that can: its steps are planned by version_finish(), when the rest of the file
 * is.
 */
gboolean version_move_check(PlanContext *ctx, GError **error);

/* All moves of the file, checked against each other and the tables (VersionTable) that it changes; NULL with an error.
 * The caller unrefs. */
GPtrArray *version_moves(PlanContext *ctx, const GPtrArray *tables, GError **error);

/* Their steps: what keeps the new tables filled, its end, and what the reader must know; and the views, behind the
 * version's schema. */
gboolean version_move_plan(PlanContext *ctx, const GPtrArray *moves, const GPtrArray *tables, GError **error);
void version_move_views(PlanContext *ctx, const GPtrArray *moves);

#endif
