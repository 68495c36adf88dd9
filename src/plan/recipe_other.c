/*
 * What has no recipe: transaction control, what is not yet supported, and what runs by consent.
 */
#include <string.h>

#include "base/error.h"
#include "plan/recipe.h"

static const char *const openings[] = {"BEGIN", "START TRANSACTION", "BEGIN TRANSACTION", "BEGIN WORK", NULL};

/* Once is enough: the file's own transactions count for nothing. */
static gboolean
is_told(const PlanContext *ctx)
{
    for (guint i = 0; i < ctx->script->stmts->len; i++) {
        const Stmt *stmt = g_ptr_array_index(ctx->script->stmts, i);

        if (stmt == ctx->stmt)
            return FALSE;
        if (stmt->kind == STMT_TRANSACTION)
            return TRUE;
    }
    return FALSE;
}

/* TRUE if a later statement ends the transaction that the one in hand begins. */
static gboolean
is_closed(const PlanContext *ctx)
{
    gboolean is_behind = FALSE;

    for (guint i = 0; i < ctx->script->stmts->len; i++) {
        const Stmt *stmt = g_ptr_array_index(ctx->script->stmts, i);

        if (is_behind && stmt->kind == STMT_TRANSACTION && !g_strv_contains(openings, stmt->what))
            return TRUE;
        is_behind |= stmt == ctx->stmt;
    }
    return FALSE;
}

gboolean
recipe_transaction(PlanContext *ctx, GError **error)
{
    static const char *const ignored[] = {"BEGIN",
                                          "COMMIT",
                                          "END",
                                          "START TRANSACTION",
                                          "BEGIN TRANSACTION",
                                          "COMMIT WORK",
                                          "BEGIN WORK",
                                          "COMMIT TRANSACTION",
                                          "END TRANSACTION",
                                          NULL};

    if (g_strv_contains(ignored, ctx->stmt->what)) {
        if (g_strv_contains(openings, ctx->stmt->what) && !is_closed(ctx)) {
            context_refuse(error, "write COMMIT behind the last statement, or leave BEGIN out",
                           "%s without a COMMIT: at the end of the file psql would take everything back",
                           ctx->stmt->what);
            return FALSE;
        }
        if (is_told(ctx))
            return TRUE;
        plan_note(ctx->plan,
                  "%s: %s is left out, and so is what ends the transaction: each step commits on its own, or it would "
                  "hold its locks too long",
                  ctx->stmt->place, ctx->stmt->what);
        return TRUE;
    }
    context_refuse(error, "leave it out: a migration is undone with `pgseam rollback`",
                   "%s: each step commits on its own, so nothing of this file could be taken back by it",
                   ctx->stmt->what);
    return FALSE;
}

gboolean
recipe_none(PlanContext *ctx, GError **error)
{
    if (ctx->stmt->kind == STMT_UNKNOWN) {
        ctx->offset = ctx->stmt->error_offset;
        context_refuse(
            error,
            "if it is right for your server and only newer than pgseam's grammar: -- pgseam: allow opaque because ...",
            "%s", ctx->stmt->what);
        return FALSE;
    }
    context_not_yet(error, "-- pgseam: allow opaque because ... runs it as it stands, unseen", ctx->stmt->what);
    return FALSE;
}

gboolean
recipe_opaque(PlanContext *ctx, GError **error)
{
    Phase phase = ctx->phases[PHASE_BACKFILL]->len > 0 ? PHASE_BACKFILL : PHASE_EXPAND;
    Step *step;

    if (ctx->phases[PHASE_CONTRACT]->len > 0) {
        context_refuse(
            error, "put it before them, or in a migration of its own",
            "an opaque statement after statements that wait for the contract phase: its order cannot be kept");
        return FALSE;
    }
    if (recipe_dml_by_consent(ctx))
        return TRUE;
    step = context_step(ctx, phase, STEP_OPAQUE_RUN, NULL);
    step->sql = g_strdup(ctx->stmt->text);
    step->why = g_strdup_printf("by consent: %s", ctx->stmt->consent);
    plan_note(ctx->plan,
              "%s: opaque: nobody knows its locks; it waits for each no longer than the lock budget, but keeps "
              "them until it ends, and rollback does not undo it",
              ctx->stmt->place);
    return TRUE;
}
