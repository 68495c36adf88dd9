/*
 * UPDATE and DELETE.
 *
 * In this order: a table that this file creates, in one statement; by a key that the statement does not change (of a
 * small table that is one batch); a small table in one statement; by blocks, where a row that it has changed is not
 * found by it again; else it is refused, with the reason.
 *
 * By blocks, exactly once would need a mark that stays with the row whatever the application does to it, and there is
 * none: an update moves the row version to any block, ours as well as the application's, and xmin then is whoever
 * changed it last. So `SET n = n + 1` is never walked by blocks. A statement that a changed row no longer matches, and
 * whose values do not depend on what it sets, may meet a row twice: the second time it finds nothing to do, unless the
 * application has made the row match again, and then it does what the statement would have done at that moment. A row
 * that moves out of the walk's way is found by the last run over the whole table (steps/backfill_ctid.c). What such a
 * walk changes is what plain SQL, run at its end, would have changed, and rows that matched when it passed them. That
 * is why a DELETE without a predicate is not walked by blocks: it would take rows that were written after it began.
 */
#include <string.h>

#include "plan/dml.h"
#include "plan/version_move.h"

#define NO_KEY_HINT                                                                                                    \
    "give the table a primary key or a unique index on NOT NULL columns, in a migration before this one; or -- "       \
    "pgseam: "                                                                                                         \
    "allow opaque because ... runs it as one statement"

static gboolean
has_now(const Expr *expr)
{
    static const char *const names[] = {"now", "pg_catalog.now", "transaction_timestamp", "statement_timestamp", NULL};

    for (guint i = 0; i < expr->functions->len; i++) {
        if (g_strv_contains(names, g_ptr_array_index(expr->functions, i)))
            return TRUE;
    }
    return FALSE;
}

static void
note_moments(PlanContext *ctx)
{
    const DmlStmt *dml = &ctx->stmt->dml;
    gboolean moves = FALSE;

    if (context_volatility(ctx, &dml->where) == 's')
        plan_note(ctx->plan, "%s: the predicate is evaluated anew in each batch (now() moves on)", ctx->stmt->place);
    for (guint i = 0; i < dml->assignments->len; i++)
        moves |= has_now(&((const Assignment *)g_ptr_array_index(dml->assignments, i))->value);
    if (moves)
        plan_note(ctx->plan, "%s: now() in SET is the time of each batch, not one for all rows", ctx->stmt->place);
    if (dml->reads->len > 0)
        plan_note(ctx->plan, "%s: each batch reads the other tables as they are then", ctx->stmt->place);
}

static void
note_fate(PlanContext *ctx, const Target *target)
{
    const DmlStmt *dml = &ctx->stmt->dml;
    gboolean changes_old = ctx->stmt->kind == STMT_DELETE;

    for (guint i = 0; i < dml->assignments->len; i++) {
        const Assignment *assignment = g_ptr_array_index(dml->assignments, i);
        changes_old |= facts_column(target->table, assignment->column) != NULL;
    }
    if (changes_old)
        plan_note(ctx->plan, "%s: rollback does not bring back what this %s changes in existing columns",
                  ctx->stmt->place, dml_word(ctx->stmt));
    if (target->table->triggers->len > 0)
        plan_note(ctx->plan, "%s: triggers of %s fire for each row, as they would for the plain statement",
                  ctx->stmt->place, target->name);
}

static void
note_walk(PlanContext *ctx, const DmlChoice *choice)
{
    if (choice->way == DML_BY_CTID)
        plan_note(ctx->plan,
                  "%s: without a key that it does not change, the table is gone through by blocks, and at the end "
                  "the statement runs once over the whole table for rows that have moved meanwhile; rows that the "
                  "applications write while it runs, and that match, are changed, too",
                  ctx->stmt->place);
    else if (choice->way == DML_BY_KEY && !choice->is_repeatable)
        plan_note(
            ctx->plan,
            "%s: this %s changes each row exactly once and is not swept: of the rows inserted while it runs, "
            "those with a key above the highest one at its beginning are left alone, those with a key that the walk "
            "has still to reach are changed; what the applications write later stays as they write it",
            ctx->stmt->place, dml_word(ctx->stmt));
}

static char *
why_of(const DmlChoice *choice, const Target *target)
{
    static const char *const once = "one statement in one short transaction, exactly once: ";

    if (choice->way == DML_ONCE)
        return g_strconcat(once, target->table == NULL ? "this file creates the table" : "the table is small", NULL);
    if (choice->way == DML_BY_CTID)
        return g_strdup("as one statement it would lock every row until it ends; by blocks, each row is locked for one "
                        "batch; at the end once over the whole table, given up as soon as somebody waits for it");
    return g_strdup_printf("as one statement it would lock every row until it ends; in batches by key, each row is "
                           "locked for one batch%s",
                           choice->is_repeatable ? "" : ", and changed exactly once");
}

static gboolean
may_go_by_blocks(const PlanContext *ctx, const Target *target)
{
    const DmlStmt *dml = &ctx->stmt->dml;

    return ctx->stmt->kind == STMT_DELETE ? dml->where.text != NULL : repeatable_excludes(ctx, target, ctx->stmt);
}

/* How the statement runs; FALSE with the reason why it cannot. */
static gboolean
choose(PlanContext *ctx, const Target *target, DmlChoice *ret, GError **error)
{
    const DmlStmt *dml = &ctx->stmt->dml;
    g_autoptr(GPtrArray) assigned = dml_assigned(dml);
    g_autoptr(GError) why = NULL;
    gboolean may_split;

    *ret = (DmlChoice){.way = DML_ONCE, .walked = target->table};
    if (target->table == NULL)
        return TRUE;
    may_split = dml_check_split(ctx, target, &why);
    ret->key = may_split ? facts_key_without(target->table, assigned) : NULL;
    if (ret->key != NULL)
        ret->way = DML_BY_KEY;
    else if (target->table->is_small)
        ret->way = DML_ONCE;
    else if (may_split && target->table->kind != 'p' && may_go_by_blocks(ctx, target))
        ret->way = DML_BY_CTID;
    else {
        if (why == NULL)
            context_refuse(&why, NO_KEY_HINT,
                           "table %s has no key to walk it by%s, and without one rows would be met twice or never",
                           target->name, facts_key(target->table) != NULL ? " that the statement does not change" : "");
        g_propagate_error(error, g_steal_pointer(&why));
        return FALSE;
    }
    return TRUE;
}

static gboolean
check_target(PlanContext *ctx, const Target *target, GError **error)
{
    const DmlStmt *dml = &ctx->stmt->dml;

    if (target->table != NULL && target->table->has_rules) {
        context_refuse(error, "drop the rule, or write the change against what it rewrites to",
                       "table %s has rules: what an %s of it does cannot be known", target->name, ctx->stmt->what);
        return FALSE;
    }
    if (dml->unsupported != NULL && strcmp(dml->unsupported, "WITH") != 0) {
        g_autofree char *what = g_strdup_printf("%s with %s", dml_word(ctx->stmt), dml->unsupported);
        context_not_yet(error, "-- pgseam: allow opaque because ... runs it as one statement", what);
        return FALSE;
    }
    return dml_check_columns(ctx, target, error);
}

/* A partitioned table is walked as a whole, by a key that has the partition key in it; a partition like any table. */
static gboolean
check_family(PlanContext *ctx, const Target *target, GError **error)
{
    const FactTable *table = target->table;

    if (table == NULL || !table->has_children)
        return TRUE;
    if (table->kind != 'p' || ctx->stmt->dml.is_only) {
        context_refuse(
            error,
            "write it for each table of the family; or -- pgseam: allow opaque because ... runs it as one statement",
            "%s has %s: an %s of it cannot be walked by one key", target->name,
            table->kind == 'p' ? "partitions, and none of the rows is its own" : "inheritance children",
            ctx->stmt->what);
        return FALSE;
    }
    for (guint i = 0; i < table->descendants->len; i++) {
        const FactTable *member = g_ptr_array_index(table->descendants, i);

        if (member->kind != 'f' && !member->has_rules && member->triggers->len == table->triggers->len)
            continue;
        context_refuse(error, "write it for each partition", "partition %s.%s %s", member->schema, member->name,
                       member->kind == 'f' ? "is a foreign table"
                       : member->has_rules ? "has rules"
                                           : "has triggers of its own");
        return FALSE;
    }
    return TRUE;
}

gboolean
recipe_dml(PlanContext *ctx, GError **error)
{
    const Target *target = dml_target(ctx, ctx->stmt, error);
    g_autofree char *still = NULL;
    DmlChoice choice;
    Step *step;

    if (target != NULL && version_move_is(ctx, ctx->stmt))
        return version_move_check(ctx, error);
    if (target == NULL || !check_family(ctx, target, error) || !check_target(ctx, target, error) ||
        (target->table == NULL && !dml_check_filled(ctx, target->name, error)) || !choose(ctx, target, &choice, error))
        return FALSE;
    choice.is_repeatable = target->table != NULL && repeatable_decide(ctx, target, ctx->stmt, &still);
    step = dml_step(ctx, target, PHASE_BACKFILL, &choice);
    step->why = why_of(&choice, target);
    g_hash_table_insert(ctx->stmts, step, (gpointer)ctx->stmt);
    note_walk(ctx, &choice);
    if (choice.way != DML_ONCE)
        note_moments(ctx);
    if (target->table != NULL)
        note_fate(ctx, target);
    return TRUE;
}

gboolean
recipe_dml_by_consent(PlanContext *ctx)
{
    const DmlStmt *dml = &ctx->stmt->dml;
    g_autoptr(GError) why = NULL;
    const Target *target;
    Step *step;

    if (ctx->stmt->kind != STMT_UPDATE && ctx->stmt->kind != STMT_DELETE && ctx->stmt->kind != STMT_INSERT)
        return FALSE;
    target = dml_target(ctx, ctx->stmt, &why);
    if (target == NULL || target->table == NULL || target->table->has_rules || dml->unsupported != NULL ||
        !dml_check_columns(ctx, target, &why))
        return FALSE;
    step = dml_step(ctx, target, PHASE_BACKFILL, &(DmlChoice){.way = DML_PATIENT});
    step->why = g_strdup_printf("by consent: %s", ctx->stmt->consent);
    plan_note(ctx->plan,
              "%s: one statement, by consent: it takes as long as it takes, and is given up and tried again as soon "
              "as somebody waits for a row that it has changed; rollback does not bring back what it changes",
              ctx->stmt->place);
    return TRUE;
}
