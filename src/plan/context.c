#include <string.h>

#include "base/error.h"
#include "base/sqltext.h"
#include "plan/objects.h"
#include "sql/parse.h"

void
context_refuse(GError **error, const char *hint, const char *format, ...)
{
    g_autofree char *message = NULL;
    va_list args;

    va_start(args, format);
    message = g_strdup_vprintf(format, args);
    va_end(args);
    seam_error_set(error, SEAM_ERROR_REFUSED, "%s", message);
    if (hint != NULL)
        seam_error_hint(error, "%s", hint);
}

void
context_not_yet(GError **error, const char *hint, const char *what)
{
    context_refuse(error, hint, "%s is not yet supported", what);
}

static const Target *
find_target(const PlanContext *ctx, const char *schema, const char *name)
{
    for (guint i = 0; i < ctx->targets->len; i++) {
        const Target *target = g_ptr_array_index(ctx->targets, i);

        if (g_strcmp0(target->schema, schema) == 0 && strcmp(target->name, name) == 0)
            return target;
    }
    return NULL;
}

static const Target *
add_target(PlanContext *ctx, const char *schema, const char *name, const FactTable *table,
           const CreateTableStmt *created)
{
    Target *target = g_new0(Target, 1);

    target->schema = schema;
    target->name = name;
    target->table = table;
    target->created = created;
    g_ptr_array_add(ctx->targets, target);
    return target;
}

gboolean
context_is_created(const PlanContext *ctx, const char *schema, const char *name)
{
    const Target *target = find_target(ctx, schema, name);

    return target != NULL && target->created != NULL;
}

const char *
context_schema_of(const PlanContext *ctx, const RelName *name)
{
    return name->schema != NULL ? name->schema : ctx->facts->creation_schema;
}

gboolean
context_makes(const PlanContext *ctx, const RelName *name)
{
    return context_is_created(ctx, context_schema_of(ctx, name), name->name);
}

gboolean
context_is_relation_taken(const PlanContext *ctx, const char *schema, const char *name)
{
    g_autofree char *qualified = sql_quote_name(schema, name);

    return facts_is_taken(ctx->facts, schema, name) || g_hash_table_contains(ctx->index_names, qualified);
}

const Target *
context_create(PlanContext *ctx, const char *schema, const CreateTableStmt *created)
{
    return add_target(ctx, schema, created->relation.name, NULL, created);
}

static const struct {
    char kind;
    const char *what;
} kinds[] = {
    {'p', "a partitioned table"}, {'f', "a foreign table"}, {'v', "a view"},
    {'m', "a materialized view"}, {'S', "a sequence"},      {'c', "a composite type"},
};

static gboolean
check_kind(const FactTable *table, const char *allowed, const char *shown, GError **error)
{
    gboolean may_inherit = strchr(allowed, 'p') != NULL;

    for (guint i = 0; i < G_N_ELEMENTS(kinds); i++) {
        if (kinds[i].kind == table->kind && strchr(allowed, table->kind) == NULL) {
            context_refuse(error, "-- pgseam: allow opaque because ... runs it as it stands",
                           "%s is %s: this statement is not supported for it", shown, kinds[i].what);
            return FALSE;
        }
    }
    if (table->has_children && !may_inherit) {
        context_refuse(error, "-- pgseam: allow opaque because ... runs it as it stands",
                       "%s has inheritance children: that is not yet supported", shown);
        return FALSE;
    }
    if (table->is_derived && !may_inherit) {
        context_refuse(error, "write it for its parent; or -- pgseam: allow opaque because ... runs it as it stands",
                       "%s is a partition, an inheritance child or a typed table: that is not yet supported", shown);
        return FALSE;
    }
    if (table->persistence == 't') {
        context_refuse(error, NULL, "%s is a temporary table: it lives in one session only", shown);
        return FALSE;
    }
    if (strcmp(table->schema, "pg_catalog") == 0 || strcmp(table->schema, "information_schema") == 0) {
        context_refuse(error, NULL, "%s is a system catalog", shown);
        return FALSE;
    }
    return TRUE;
}

static gboolean
check_owner(const PlanContext *ctx, const FactTable *table, const char *shown, GError **error)
{
    g_autofree char *hint = NULL;

    if (table->is_owned)
        return TRUE;
    hint = g_strdup_printf("connect as %s, or have it GRANT %s TO %s", table->owner, table->owner, ctx->facts->role);
    context_refuse(error, hint, "role \"%s\" does not own table %s: it belongs to \"%s\"", ctx->facts->role, shown,
                   table->owner);
    return FALSE;
}

const Target *
context_target(PlanContext *ctx, const RelName *name, GError **error)
{
    return context_target_of(ctx, name, "r", error);
}

/* A name that an earlier line gives, but only in the contract phase. */
static gboolean
refuse_late(const PlanContext *ctx, const char *word, const char *shown, GError **error)
{
    const char *place = objects_late_place(ctx, word);

    if (place != NULL)
        context_refuse(error, "put this statement before that line, with the old name; or into a migration of its own",
                       "%s is not there before the contract phase: %s gives it this name", shown, place);
    return place != NULL;
}

const Target *
context_target_of(PlanContext *ctx, const RelName *name, const char *kinds_allowed, GError **error)
{
    const FactTable *table = facts_find(ctx->facts, name->schema, name->name);
    g_autofree char *shown = sql_quote_name(name->schema, name->name);
    const Target *target;

    if (table == NULL) {
        target = find_target(ctx, context_schema_of(ctx, name), name->name);
        if (target == NULL && !refuse_late(ctx, name->name, shown, error))
            context_refuse(error, "check the name, and the search_path of the role you connect as",
                           "table %s does not exist (search_path: %s)", shown, ctx->facts->search_path);
        return target;
    }
    if (strcmp(table->name, name->name) != 0) {
        context_refuse(error, NULL, "%s is an index of table %s", shown, table->name);
        return NULL;
    }
    if (!check_kind(table, kinds_allowed, shown, error) || !check_owner(ctx, table, shown, error))
        return NULL;
    target = find_target(ctx, table->schema, table->name);
    return target != NULL ? target : add_target(ctx, table->schema, table->name, table, NULL);
}

static const ColumnChange *
find_change(const GPtrArray *changes, const Target *target, const char *column)
{
    for (guint i = 0; i < changes->len; i++) {
        const ColumnChange *change = g_ptr_array_index(changes, i);

        if (change->target == target && strcmp(change->column, column) == 0)
            return change;
    }
    return NULL;
}

const ColumnChange *
context_added(const PlanContext *ctx, const Target *target, const char *column)
{
    return find_change(ctx->added, target, column);
}

gboolean
context_is_dropped(const PlanContext *ctx, const Target *target, const char *column)
{
    return find_change(ctx->dropped, target, column) != NULL;
}

/* A column that a table of the file has from its parents or by LIKE. */
static gboolean
takes_column(const PlanContext *ctx, const Target *target, const char *column)
{
    for (int k = 0; target->created != NULL && k < 2; k++) {
        const GPtrArray *names = k == 0 ? target->created->parents : target->created->sources;

        for (guint i = 0; i < names->len; i++) {
            const RelName *name = g_ptr_array_index(names, i);
            const FactTable *source = facts_find(ctx->facts, name->schema, name->name);
            const Target *made = find_target(ctx, context_schema_of(ctx, name), name->name);

            if ((source != NULL && facts_column(source, column) != NULL) ||
                (source == NULL && made != NULL && made != target && context_has_column(ctx, made, column)))
                return TRUE;
        }
    }
    return FALSE;
}

gboolean
context_has_column(const PlanContext *ctx, const Target *target, const char *column)
{
    if (target->table != NULL && facts_column(target->table, column) != NULL)
        return TRUE;
    for (guint i = 0; target->created != NULL && i < target->created->columns->len; i++) {
        const ColumnDef *definition = g_ptr_array_index(target->created->columns, i);

        if (strcmp(definition->name, column) == 0)
            return TRUE;
    }
    return context_added(ctx, target, column) != NULL || takes_column(ctx, target, column);
}

/* A hint like psql's: a column of the same name in another case, or one that shares most of its letters from the start.
 */
static const char *
nearest_column(const Target *target, const char *column)
{
    for (guint i = 0; target->table != NULL && i < target->table->columns->len; i++) {
        const FactColumn *candidate = g_ptr_array_index(target->table->columns, i);
        gsize shorter = MIN(strlen(candidate->name), strlen(column));
        gsize longer = MAX(strlen(candidate->name), strlen(column));

        if (g_ascii_strcasecmp(candidate->name, column) == 0 ||
            (shorter * 2 >= longer && strncmp(candidate->name, column, shorter) == 0))
            return candidate->name;
    }
    return NULL;
}

gboolean
context_check_column(PlanContext *ctx, const Target *target, const char *column, GError **error)
{
    g_autofree char *shown = sql_quote_name(target->schema, target->name);
    const char *nearest = nearest_column(target, column);
    g_autofree char *hint = nearest != NULL ? g_strdup_printf("perhaps you mean \"%s\"", nearest) : NULL;

    if (!context_has_column(ctx, target, column)) {
        if (refuse_late(ctx, column, column, error))
            return FALSE;
        context_refuse(error, hint, "column \"%s\" of table %s does not exist", column, shown);
        return FALSE;
    }
    if (context_is_dropped(ctx, target, column)) {
        context_refuse(error, "put this statement before the one that drops the column, or use another name",
                       "column \"%s\" of table %s is dropped by an earlier statement, but only in the contract phase",
                       column, shown);
        return FALSE;
    }
    return TRUE;
}

static gboolean
claim(PlanContext *ctx, const char *schema, const char *name_of_table, const char *column, const char *aspect,
      GError **error)
{
    g_autofree char *table = sql_quote_name(schema, name_of_table);
    g_autofree char *name = sql_quote_ident(column);
    char *key = g_strdup_printf("%s.%s: %s", table, name, aspect);
    const char *before = g_hash_table_lookup(ctx->aspects, key);

    if (before == NULL) {
        g_hash_table_insert(ctx->aspects, key, (gpointer)ctx->stmt->place);
        return TRUE;
    }
    g_free(key);
    context_refuse(
        error, "write only the one that shall hold in the end, or put the second into a migration of its own",
        "%s changes the %s of column \"%s\" already; the phases could not keep their order", before, aspect, column);
    return FALSE;
}

gboolean
context_claim(PlanContext *ctx, const Target *target, const char *column, const char *aspect, GError **error)
{
    if (!claim(ctx, target->schema, target->name, column, aspect, error))
        return FALSE;
    for (guint i = 0; target->table != NULL && i < target->table->descendants->len; i++) {
        const FactTable *member = g_ptr_array_index(target->table->descendants, i);

        if (!claim(ctx, member->schema, member->name, column, aspect, error))
            return FALSE;
    }
    return TRUE;
}

gboolean
context_check_expr(PlanContext *ctx, const Target *target, const Expr *expr, const char *alias, GError **error)
{
    static const char *const system_columns[] = {"ctid", "xmin", "xmax", "cmin", "cmax", "tableoid", NULL};

    for (guint i = 0; i < expr->columns->len; i++) {
        const char *column = g_ptr_array_index(expr->columns, i);

        if (g_strv_contains(system_columns, column))
            continue;
        if (!context_has_column(ctx, target, column) && strcmp(column, alias != NULL ? alias : target->name) == 0)
            continue;
        if (!context_check_column(ctx, target, column, error))
            return FALSE;
    }
    return TRUE;
}

char
context_volatility(const PlanContext *ctx, const Expr *expr)
{
    char worst = 'i';

    for (guint i = 0; i < expr->functions->len + expr->operators->len; i++) {
        const char *name = i < expr->functions->len ? g_ptr_array_index(expr->functions, i)
                                                    : g_ptr_array_index(expr->operators, i - expr->functions->len);
        char volatility = facts_volatility(ctx->facts, name);

        if (volatility == 'v')
            return 'v';
        /* "=" has a stable overload (date = timestamptz): as an operator that says nothing. */
        if (volatility == 's' && i < expr->functions->len)
            worst = 's';
    }
    return worst;
}

Phase
context_phase_after(const PlanContext *ctx, const Target *target, gboolean is_contract)
{
    const GPtrArray *backfills = ctx->phases[PHASE_BACKFILL];

    if (is_contract)
        return PHASE_CONTRACT;
    for (guint i = 0; i < backfills->len; i++) {
        const Step *step = g_ptr_array_index(backfills, i);

        if (step_is_of(step, target->schema, target->name))
            return PHASE_BACKFILL;
    }
    return PHASE_EXPAND;
}

Step *
context_planned(const PlanContext *ctx, const Target *target, StepKind kind, const char *param, const char *value)
{
    for (int phase = 0; phase < N_PHASES; phase++) {
        for (guint i = 0; i < ctx->phases[phase]->len; i++) {
            Step *step = g_ptr_array_index(ctx->phases[phase], i);

            if (step->kind == kind && step_is_of(step, target->schema, target->name) &&
                g_strcmp0(step_get(step, param), value) == 0)
                return step;
        }
    }
    return NULL;
}

const Stmt *
context_generate(PlanContext *ctx, char *text, GError **error)
{
    g_autofree char *owned = text;
    int offset = 0;
    g_autoptr(GPtrArray) stmts = parse_source(owned, &offset, error);
    Stmt *stmt;

    if (stmts == NULL)
        return NULL;
    if (stmts->len != 1) {
        context_refuse(error, NULL, "this is not one statement: %s", owned);
        return NULL;
    }
    stmt = g_ptr_array_steal_index(stmts, 0);
    stmt_set_place(stmt, ctx->stmt->file, ctx->stmt->line);
    stmt->offset = ctx->stmt->offset;
    g_ptr_array_add(ctx->generated, stmt);
    return stmt;
}

void
context_lock(Step *step, const Target *target, LockMode mode, LockHold hold)
{
    step_add_lock(step, target->schema, target->name, mode, hold, TRUE);
    for (guint i = 0; target->table != NULL && i < target->table->descendants->len; i++) {
        const FactTable *member = g_ptr_array_index(target->table->descendants, i);

        /* LOCK TABLE does not take foreign tables. */
        step_add_lock(step, member->schema, member->name, mode, hold, member->is_owned && member->kind != 'f');
    }
}

Step *
context_step(PlanContext *ctx, Phase phase, StepKind kind, const Target *target)
{
    Step *step = step_new(phase, kind, target != NULL ? target->schema : NULL, target != NULL ? target->name : NULL);

    step_set_place(step, ctx->stmt->file, ctx->stmt->line);
    g_hash_table_insert(ctx->stmts, step, (gpointer)ctx->stmt);
    g_ptr_array_add(ctx->phases[phase], step);
    return step;
}
