/*
 * Whether the rows of a table can be put into quarantine (`-- pgseam: on-error quarantine`): each has to have a name,
 * and what is computed has to be able to be missing.
 */
#include <string.h>

#include "plan/version.h"

static gboolean
names_not_null(const PlanContext *ctx, const VersionColumn *column)
{
    for (guint i = 0; i < ctx->script->stmts->len; i++) {
        if (stmt_alter(g_ptr_array_index(ctx->script->stmts, i), ALTER_SET_NOT_NULL, column->name) != NULL)
            return TRUE;
    }
    return FALSE;
}

static gboolean
has_inline_key(const ColumnDef *definition)
{
    for (guint i = 0; i < definition->constraints->len; i++) {
        if (((const ConstraintDef *)g_ptr_array_index(definition->constraints, i))->kind == CONSTRAINT_PRIMARY)
            return TRUE;
    }
    return FALSE;
}

/* TRUE if the new side of the column may not be NULL. */
static gboolean
forbids_new(const PlanContext *ctx, const VersionColumn *column)
{
    if (column->added != NULL)
        return column->added->is_not_null || has_inline_key(column->added) || names_not_null(ctx, column);
    return column->fact->is_not_null || names_not_null(ctx, column);
}

static gboolean
check_up(PlanContext *ctx, const VersionColumn *column, GError **error)
{
    gboolean is_made = column->added != NULL ? column->up != NULL : column->retyped != NULL && !column->is_dropped;

    ctx->offset = column->offset;
    if (column->fill == NULL && (!is_made || !forbids_new(ctx, column)))
        return TRUE;
    context_refuse(error,
                   "let it take NULL until complete, and forbid that in a migration after this one; or write \"up\" so "
                   "that it gives each row a value, and `-- pgseam: on-error reject` or `on-error quarantine down`",
                   "column \"%s\" must not be NULL in the new shape, and in a row in quarantine it would be",
                   column->name);
    return FALSE;
}

static gboolean
check_down(PlanContext *ctx, const VersionColumn *column, GError **error)
{
    const FactColumn *fact = column->fact;
    gboolean is_made = fact != NULL && (column->is_dropped ? column->down != NULL : column->retyped != NULL);

    ctx->offset = column->offset;
    if (!is_made || (!fact->is_not_null && !fact->forbids_null))
        return TRUE;
    context_refuse(error,
                   "write `-- pgseam: on-error quarantine up`: then a write of the new application on which \"down\" "
                   "fails is refused; or allow NULL in it, in a migration before this one",
                   "column \"%s\" is NOT NULL, and in a row that the new application writes and \"down\" fails on it "
                   "would have to be NULL",
                   fact->name);
    return FALSE;
}

static gboolean
check_columns(PlanContext *ctx, const VersionTable *table, GError **error)
{
    for (guint i = 0; i < table->columns->len; i++) {
        const VersionColumn *column = g_ptr_array_index(table->columns, i);

        if ((ctx->script->guards_up && !check_up(ctx, column, error)) ||
            (ctx->script->guards_down && !check_down(ctx, column, error)))
            return FALSE;
    }
    return TRUE;
}

static gboolean
check_side(const VersionTable *table, const GPtrArray *columns, GError **error)
{
    guint inputs = 0;

    for (guint i = 0; i < columns->len; i++)
        inputs += ((const SyncColumn *)g_ptr_array_index(columns, i))->inputs->len;
    if (columns->len <= SYNC_MAX_SIDE && inputs <= 2 * SYNC_MAX_SIDE)
        return TRUE;
    context_refuse(error, "change some of them in a migration of their own",
                   "table %s: rows with more than %d columns that belong together, or %d that these are computed from, "
                   "cannot be put into quarantine",
                   table->table->name, SYNC_MAX_SIDE, 2 * SYNC_MAX_SIDE);
    return FALSE;
}

static gboolean
check_sides(const VersionTable *table, GError **error)
{
    for (guint i = 0; i < table->sync->groups->len; i++) {
        const SyncGroup *group = g_ptr_array_index(table->sync->groups, i);

        if (!check_side(table, group->old_columns, error) || !check_side(table, group->new_columns, error))
            return FALSE;
    }
    return TRUE;
}

/* The columns of the old shape that the file keeps in step: no name of a row. The caller unrefs. */
static GPtrArray *
changed_columns(const VersionTable *table)
{
    GPtrArray *names = g_ptr_array_new();

    for (guint i = 0; i < table->columns->len; i++) {
        const VersionColumn *column = g_ptr_array_index(table->columns, i);

        if (column->fact != NULL && (column->is_dropped || column->retyped != NULL || column->fact->is_generated ||
                                     strcmp(column->name, column->fact->name) != 0))
            g_ptr_array_add(names, column->fact->name);
    }
    return names;
}

static gboolean
add_key(const VersionTable *table, GError **error)
{
    g_autoptr(GPtrArray) changed = changed_columns(table);
    const FactIndex *key = facts_key_without(table->table, changed);

    if (key == NULL) {
        context_refuse(
            error, "give it a primary key in a migration before this one; or leave the directive \"on-error\" out",
            "table %s has no key that stays as it is: a row in quarantine could not be named", table->table->name);
        return FALSE;
    }
    for (guint i = 0; i < key->columns->len; i++) {
        const char *name = g_ptr_array_index(key->columns, i);

        sync_table_add_key(table->sync, name, facts_column(table->table, name)->type);
    }
    return TRUE;
}

gboolean
version_quarantine(PlanContext *ctx, const VersionTable *table, GError **error)
{
    int place = ctx->offset;

    if (!ctx->script->guards_up && !ctx->script->guards_down)
        return TRUE;
    if (!check_columns(ctx, table, error))
        return FALSE;
    ctx->offset = place;
    if (strcmp(table->table->name, SYNC_QUARANTINE) == 0) {
        context_refuse(error, "rename it", "table %s has the name of the table of rows in quarantine",
                       table->table->name);
        return FALSE;
    }
    sync_table_set_quarantine(table->sync, ctx->script->guards_up, ctx->script->guards_down);
    return check_sides(table, error) && add_key(table, error);
}
