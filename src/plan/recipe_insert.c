/*
 * INSERT. Rows that the statement brings along go in at once. The rows of a query go in in batches of the table that
 * its FROM begins with, if each row of it stands for itself: then the cursor, which is in the same transaction as the
 * rows, makes them go in exactly once. A small table needs no batches.
 */
#include <string.h>

#include "plan/dml.h"
#include "plan/version_move.h"

/* A query whose columns, or an INSERT whose order of columns, would come out otherwise in another phase: "*" and a
 * missing column list mean the columns as they are at that point of the file. */
static gboolean
changes_shape(const PlanContext *ctx, const Stmt *stmt, const RelName *name, gboolean is_later)
{
    const AlterTableStmt *alter = &stmt->alter_table;

    if (stmt->kind != STMT_ALTER_TABLE || g_strcmp0(alter->relation.name, name->name) != 0)
        return FALSE;
    for (guint i = 0; i < alter->cmds->len; i++) {
        const AlterCmd *cmd = g_ptr_array_index(alter->cmds, i);

        if (cmd->kind == (is_later ? ALTER_ADD_COLUMN : ALTER_DROP_COLUMN))
            return TRUE;
    }
    return FALSE;
}

static gboolean
sets_default(const Stmt *stmt, const RelName *name)
{
    const AlterTableStmt *alter = &stmt->alter_table;

    if (stmt->kind != STMT_ALTER_TABLE || g_strcmp0(alter->relation.name, name->name) != 0)
        return FALSE;
    for (guint i = 0; i < alter->cmds->len; i++) {
        if (((const AlterCmd *)g_ptr_array_index(alter->cmds, i))->kind == ALTER_SET_DEFAULT)
            return TRUE;
    }
    return FALSE;
}

static gboolean
check_order(PlanContext *ctx, Phase phase, GError **error)
{
    const DmlStmt *dml = &ctx->stmt->dml;
    gboolean is_later = FALSE;

    for (guint i = 0; i < ctx->script->stmts->len; i++) {
        const Stmt *other = g_ptr_array_index(ctx->script->stmts, i);
        gboolean is_moved = phase == PHASE_BACKFILL || !is_later;

        if (other == ctx->stmt) {
            is_later = TRUE;
            continue;
        }
        if (is_moved && ((dml->columns == NULL && changes_shape(ctx, other, &dml->relation, is_later)) ||
                         (dml->rest.has_whole_row && dml->source.name != NULL &&
                          changes_shape(ctx, other, &dml->source, is_later)))) {
            context_refuse(error, "write the columns: INSERT INTO table (a, b) SELECT a, b FROM ...",
                           "%s adds or drops a column, but in another phase: which columns this INSERT means would "
                           "depend on it",
                           other->place);
            return FALSE;
        }
        if (is_later && phase == PHASE_BACKFILL && sets_default(other, &dml->relation)) {
            context_refuse(error, "put this statement behind it, or into a migration of its own",
                           "%s sets a default, but before the backfill: these rows would get it as well", other->place);
            return FALSE;
        }
    }
    return TRUE;
}

static gboolean
check_insert(PlanContext *ctx, const Target *target, GError **error)
{
    const DmlStmt *dml = &ctx->stmt->dml;

    if (target->table != NULL && target->table->has_rules) {
        context_refuse(error, "drop the rule, or write the change against what it rewrites to",
                       "table %s has rules: what an INSERT into it does cannot be known", target->name);
        return FALSE;
    }
    if (dml->unsupported != NULL) {
        g_autofree char *what = g_strconcat("INSERT with ", dml->unsupported, NULL);
        context_not_yet(error, "-- pgseam: allow opaque because ... runs it as one statement", what);
        return FALSE;
    }
    return dml_check_columns(ctx, target, error);
}

static gboolean
is_small_source(const PlanContext *ctx, const FactTable *source)
{
    const DmlStmt *dml = &ctx->stmt->dml;

    if (source != NULL)
        return source->is_small;
    for (guint i = 0; i < dml->reads->len; i++) {
        gboolean is_created;
        const FactTable *table = dml_resolve(ctx, g_ptr_array_index(dml->reads, i), &is_created);

        if (table == NULL ? !is_created : !table->is_small)
            return FALSE;
    }
    return TRUE;
}

static gboolean
check_source(PlanContext *ctx, const Target *target, const FactTable *source, GError **error)
{
    static const char hint[] =
        "give it a primary key or a unique index on NOT NULL columns, in a migration before this "
        "one; or -- pgseam: allow opaque because ... runs it as one statement";

    if (!dml_check_split(ctx, target, error))
        return FALSE;
    if (source == NULL || (source->has_children && source->kind != 'p') || facts_key(source) == NULL) {
        context_refuse(error, hint, "%s has no key to walk it by, and without one rows would go in twice or never",
                       ctx->stmt->dml.source.name);
        return FALSE;
    }
    return TRUE;
}

/* How the rows of a query go in; FALSE with the reason why they cannot. */
static gboolean
choose(PlanContext *ctx, const Target *target, DmlChoice *ret, GError **error)
{
    const DmlStmt *dml = &ctx->stmt->dml;
    g_autoptr(GError) why = NULL;
    gboolean is_created = FALSE;

    *ret = (DmlChoice){.way = DML_ONCE};
    if (dml->is_values)
        return TRUE;
    if (dml->source.name != NULL)
        ret->walked = dml_resolve(ctx, &dml->source, &is_created);
    if (is_created)
        return dml_check_filled(ctx, dml->source.name, error);
    if (check_source(ctx, target, ret->walked, &why)) {
        ret->way = DML_BY_KEY;
        ret->key = facts_key(ret->walked);
    } else if (!is_small_source(ctx, ret->walked)) {
        g_propagate_error(error, g_steal_pointer(&why));
        return FALSE;
    }
    return TRUE;
}

static void
note_insert(PlanContext *ctx, const Target *target, const DmlChoice *choice)
{
    const DmlStmt *dml = &ctx->stmt->dml;

    if (choice->way == DML_BY_KEY)
        plan_note(ctx->plan,
                  "%s: each row of %s is taken exactly once, as it is when its batch comes; rows with a key above "
                  "the highest one at the beginning are left alone",
                  ctx->stmt->place, dml->source.name);
    if (choice->way == DML_BY_KEY && dml->is_upsert)
        plan_note(ctx->plan,
                  "%s: a row that two batches conflict with is updated twice; the plain statement would fail on it",
                  ctx->stmt->place);
    if (target->table != NULL)
        plan_note(ctx->plan, "%s: rollback does not take away the rows that this INSERT brings", ctx->stmt->place);
    if (target->table != NULL && target->table->triggers->len > 0)
        plan_note(ctx->plan, "%s: triggers of %s fire for each row, as they would for the plain statement",
                  ctx->stmt->place, target->name);
}

static char *
why_of(const DmlChoice *choice, const DmlStmt *dml)
{
    if (choice->way == DML_BY_KEY)
        return g_strdup_printf("as one statement it would be one long transaction; in batches by the key of %s, with "
                               "the cursor in the same transaction as the rows",
                               dml->source.name);
    return g_strconcat("one statement in one short transaction, exactly once: ",
                       dml->is_values           ? "it brings its rows along"
                       : choice->walked == NULL ? "this file creates what it reads, or it reads little"
                                                : "the table it reads is small",
                       NULL);
}

gboolean
recipe_insert(PlanContext *ctx, GError **error)
{
    const DmlStmt *dml = &ctx->stmt->dml;
    const Target *target = dml_target(ctx, ctx->stmt, error);
    DmlChoice choice;
    Phase phase;
    Step *step;

    if (target != NULL && version_move_is(ctx, ctx->stmt))
        return version_move_check(ctx, error);
    if (target == NULL || !check_insert(ctx, target, error) || !choose(ctx, target, &choice, error))
        return FALSE;
    /* As long as nothing has to wait for a backfill, the order of the file is kept. */
    phase = choice.way == DML_BY_KEY || ctx->phases[PHASE_BACKFILL]->len > 0 ? PHASE_BACKFILL : PHASE_EXPAND;
    if (!check_order(ctx, phase, error))
        return FALSE;
    step = dml_step(ctx, target, phase, &choice);
    step->why = why_of(&choice, dml);
    note_insert(ctx, target, &choice);
    return TRUE;
}
