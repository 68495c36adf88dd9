/*
 * Pieces: one statement about objects, with its locks and what takes it back.
 */
#include <string.h>

#include "base/sqltext.h"
#include "plan/objects.h"

void
piece_free(gpointer data)
{
    Piece *piece = data;

    g_free(piece->sql);
    g_free(piece->why);
    g_free(piece->verify);
    g_free(piece->renames);
    step_free(piece->locks);
    g_ptr_array_unref(piece->undo);
    g_ptr_array_unref(piece->subjects);
    g_free(piece);
}

void
piece_undo(Piece *piece, char *sql)
{
    g_ptr_array_add(piece->undo, sql);
}

void
piece_undo_all(Piece *piece, const GPtrArray *list)
{
    for (guint i = 0; i < list->len; i++)
        piece_undo(piece, g_strdup(g_ptr_array_index(list, i)));
}

/* Only tables are ours to lock by LOCK TABLE: of a view it would lock what is below. */
static void
add_lock(Piece *piece, const FactRelation *relation, LockMode mode, LockHold hold)
{
    gboolean is_table = strchr("rp", relation->kind) != NULL;

    for (guint i = 0; i < piece->locks->locks->len; i++) {
        StepLock *lock = g_ptr_array_index(piece->locks->locks, i);

        if (strcmp(lock->schema, relation->schema) == 0 && strcmp(lock->table, relation->name) == 0) {
            lock->mode = MAX(lock->mode, mode);
            return;
        }
    }
    step_add_lock(piece->locks, relation->schema, relation->name, mode, hold,
                  is_table && relation->is_owned && mode > LOCK_ACCESS_SHARE);
}

void
piece_lock(PlanContext *ctx, Piece *piece, const char *statement, const FactRelation *relation)
{
    const EffectRow *row = effect_find(statement, ON_TABLE, ctx->facts->server_version);

    if (row != NULL && relation->name != NULL)
        add_lock(piece, relation, row->mode, row->hold);
}

void
piece_lock_family(PlanContext *ctx, Piece *piece, const char *statement, const FactObject *object)
{
    piece_lock(ctx, piece, statement, &object->relation);
    for (guint i = 0; i < object->partitions->len; i++)
        piece_lock(ctx, piece, statement, g_ptr_array_index(object->partitions, i));
}

void
piece_lock_uses(PlanContext *ctx, Piece *piece, const GPtrArray *uses)
{
    for (guint i = 0; i < uses->len; i++) {
        const FactObject *used = objects_fact(ctx, g_ptr_array_index(uses, i), 0);

        if (used != NULL && strcmp(used->relation.schema, "pg_catalog") != 0)
            add_lock(piece, &used->relation, LOCK_ACCESS_SHARE, piece->is_long ? HOLD_SCAN : HOLD_INSTANT);
    }
}
