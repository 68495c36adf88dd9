#include "plan/version_twin.h"

#include <string.h>

#include "base/names.h"
#include "base/sqltext.h"
#include "plan/version_plan.h"
#include "rules/type_change.h"
#include "sql/parse.h"
#include "sql/rename.h"

/* By what something can refuse a row. */
typedef enum Refusal {
    REFUSES_NOTHING,
    REFUSES_VALUES,     /* compared with others */
    REFUSES_EXPRESSIONS /* computed */
} Refusal;

typedef gboolean (*KeepsFunc)(const char *from, const char *to);

/* An index or a constraint with its twin. */
typedef struct Twin {
    const FactIndex *index; /* NULL: a constraint without one of its own */
    const FactConstraint *constraint;
    const char *name;  /* of the old one */
    char *twin;        /* ... and of its twin until complete */
    char *statement;   /* that would make the old one anew */
    char *tail;        /* its end on the hidden columns: from USING on, or the constraint's definition */
    Phase phase;       /* in which it is made: beside the old one, or when the old application is gone */
    gboolean is_plain; /* columns alone: no expression, no predicate */
    gboolean is_kept;  /* no value of the old application can violate it that does not violate the old one */
} Twin;

static void
twin_free(gpointer data)
{
    Twin *twin = data;

    g_free(twin->twin);
    g_free(twin->statement);
    g_free(twin->tail);
    g_free(twin);
}

/* What a twin made in this phase calls the columns: those of a new type are hidden, and in contract those that the file
 * renames have their new names. */
static GHashTable *
names_of(const VersionTable *table, Phase phase)
{
    GHashTable *names = g_hash_table_new(g_str_hash, g_str_equal);

    for (guint i = 0; i < table->columns->len; i++) {
        const VersionColumn *column = g_ptr_array_index(table->columns, i);

        if (column->retyped != NULL)
            g_hash_table_insert(names, column->fact->name, column->hidden);
        else if (phase == PHASE_CONTRACT && column->fact != NULL && strcmp(column->fact->name, column->name) != 0)
            g_hash_table_insert(names, column->fact->name, (gpointer)column->name);
    }
    return names;
}

/* Whether the new value is the old one in a wider type, of those of which `keeps` is true. */
static gboolean
is_kept_column(const VersionColumn *column, KeepsFunc keeps)
{
    g_autofree char *cast = NULL;
    g_autofree char *plain = NULL;

    if (column->new_type == NULL || !keeps(column->fact->type, column->new_type))
        return FALSE;
    plain = sql_quote_ident(column->fact->name);
    cast = g_strdup_printf("%s::%s", plain, column->retyped->type);
    return column->up == NULL || strcmp(column->up->text, plain) == 0 || strcmp(column->up->text, cast) == 0;
}

/* TRUE if the statement speaks of the column, or nobody can tell. */
static gboolean
speaks_of(const char *statement, const VersionColumn *column)
{
    g_autoptr(GHashTable) one = g_hash_table_new(g_str_hash, g_str_equal);
    g_autofree char *renamed = NULL;
    guint n = 0;

    g_hash_table_insert(one, column->fact->name, column->fact->name);
    renamed = rename_columns(statement, one, &n, NULL);
    return renamed == NULL || n > 0;
}

/* All columns that the text speaks of, among those whose type changes. */
static gboolean
is_kept_text(const VersionTable *table, const char *statement, KeepsFunc keeps)
{
    for (guint i = 0; i < table->columns->len; i++) {
        const VersionColumn *column = g_ptr_array_index(table->columns, i);

        if (column->retyped != NULL && !is_kept_column(column, keeps) && speaks_of(statement, column))
            return FALSE;
    }
    return TRUE;
}

static gboolean
is_on_retyped(const VersionTable *table, const GPtrArray *columns)
{
    for (guint i = 0; i < table->columns->len; i++) {
        const VersionColumn *column = g_ptr_array_index(table->columns, i);

        if (column->retyped != NULL && names_contain(columns, column->fact->name))
            return TRUE;
    }
    return FALSE;
}

/* TRUE if the text is about a column whose type changes. */
static gboolean
has_twin(const VersionTable *table, const char *statement)
{
    for (guint i = 0; i < table->columns->len; i++) {
        const VersionColumn *column = g_ptr_array_index(table->columns, i);

        if (column->retyped != NULL && speaks_of(statement, column))
            return TRUE;
    }
    return FALSE;
}

/* The twin of what `statement` makes; `tail` is the end of it that is kept. NULL with an error: it cannot be told. */
static Twin *
add_twin(GPtrArray *twins, const VersionTable *table, const char *statement, const char *tail, Refusal refusal,
         GError **error)
{
    Twin *twin = g_new0(Twin, 1);
    g_autoptr(GHashTable) names = NULL;
    g_autofree char *renamed = NULL;
    guint n;

    g_ptr_array_add(twins, twin);
    twin->is_kept = is_kept_text(table, statement, type_keeps_values);
    if (refusal == REFUSES_NOTHING || (refusal == REFUSES_VALUES && twin->is_kept) ||
        is_kept_text(table, statement, type_keeps_meaning))
        twin->phase = PHASE_BACKFILL;
    else
        twin->phase = PHASE_CONTRACT;
    names = names_of(table, twin->phase);
    renamed = rename_columns(statement, names, &n, error);
    if (renamed == NULL)
        return NULL;
    twin->statement = g_strdup(statement);
    twin->tail = g_strdup(renamed + (strlen(statement) - strlen(tail)));
    return twin;
}

static Refusal
refusal_of(const FactIndex *index)
{
    if (!index->is_unique)
        return REFUSES_NOTHING;
    return index->columns != NULL && !index->is_partial ? REFUSES_VALUES : REFUSES_EXPRESSIONS;
}

static gboolean
add_index_twins(GPtrArray *twins, const VersionTable *table, GError **error)
{
    for (guint i = 0; i < table->table->indexes->len; i++) {
        const FactIndex *index = g_ptr_array_index(table->table->indexes, i);
        Twin *twin;

        if (!has_twin(table, index->definition))
            continue;
        twin = add_twin(twins, table, index->definition, index->tail, refusal_of(index), error);
        if (twin == NULL)
            return FALSE;
        twin->name = index->name;
        twin->twin = name_bounded("twin", index->name);
        twin->index = index;
        twin->constraint = index->constraint != NULL ? facts_constraint(table->table, index->constraint) : NULL;
        twin->is_plain = index->columns != NULL && !index->is_partial;
    }
    return TRUE;
}

static gboolean
add_constraint_twins(GPtrArray *twins, const VersionTable *table, GError **error)
{
    for (guint i = 0; i < table->table->constraints->len; i++) {
        const FactConstraint *constraint = g_ptr_array_index(table->table->constraints, i);
        g_autofree char *statement = NULL;
        Twin *twin;

        if (constraint->is_inbound || (constraint->kind != 'c' && constraint->kind != 'f') ||
            !is_on_retyped(table, constraint->columns))
            continue;
        statement = sql_build("ALTER TABLE t ADD CONSTRAINT c ?", sql_raw(constraint->definition));
        twin = add_twin(twins, table, statement, constraint->definition,
                        constraint->kind == 'f' ? REFUSES_VALUES : REFUSES_EXPRESSIONS, error);
        if (twin == NULL)
            return FALSE;
        twin->name = constraint->name;
        twin->twin = name_bounded("twin", constraint->name);
        twin->constraint = constraint;
    }
    return TRUE;
}

/* Indexes first: a foreign key may be checked with one. */
gboolean
version_find_twins(VersionTable *table, GError **error)
{
    table->twins = g_ptr_array_new_with_free_func(twin_free);
    return add_index_twins(table->twins, table, error) && add_constraint_twins(table->twins, table, error);
}

/* What the file drops takes the twin with it. */
static gboolean
check_dropped(PlanContext *ctx, const VersionTable *table, const Twin *twin, GError **error)
{
    for (guint i = 0; i < table->columns->len; i++) {
        const VersionColumn *column = g_ptr_array_index(table->columns, i);

        if (!column->is_dropped || column->fact == NULL || !speaks_of(twin->statement, column))
            continue;
        ctx->offset = column->offset;
        context_refuse(error, "drop one of them in a migration of its own",
                       "\"%s\" is on column \"%s\", which the file drops, and on one whose type it changes", twin->name,
                       column->fact->name);
        return FALSE;
    }
    return TRUE;
}

/* Marks that one index of a table has: what gives it to another takes it from this one. */
static gboolean
moves_mark(const Twin *twin, const AlterCmd *cmd)
{
    if (twin->index == NULL)
        return FALSE;
    return (twin->index->is_clustered &&
            (strcmp(cmd->what, "CLUSTER ON") == 0 || strcmp(cmd->what, "DROP CLUSTER") == 0)) ||
           (twin->index->is_replica_identity && strcmp(cmd->what, "REPLICA IDENTITY") == 0);
}

static gboolean
statement_changes(const Stmt *stmt, const Twin *twin)
{
    if (stmt->kind != STMT_ALTER_TABLE)
        return sql_mentions(stmt->text, twin->name);
    for (guint i = 0; i < stmt->alter_table.cmds->len; i++) {
        const AlterCmd *cmd = g_ptr_array_index(stmt->alter_table.cmds, i);
        gboolean is_of_column =
            cmd->kind == ALTER_COLUMN_TYPE || cmd->kind == ALTER_SET_DEFAULT || cmd->kind == ALTER_DROP_DEFAULT;

        if (!is_of_column && (sql_mentions(cmd->text, twin->name) || moves_mark(twin, cmd)))
            return TRUE;
    }
    return FALSE;
}

/* A twin is made from what the plan has seen, and would bring that back. Looked for as text: something else of that
 * name is one refusal too many. */
static gboolean
check_file(PlanContext *ctx, const VersionTable *table, const Twin *twin, GError **error)
{
    for (guint i = 0; i < ctx->script->stmts->len; i++) {
        const Stmt *stmt = g_ptr_array_index(ctx->script->stmts, i);

        if (!statement_changes(stmt, twin))
            continue;
        ctx->offset = table->offset;
        context_refuse(error, "put it into a migration of its own, before this one or after it",
                       "\"%s\" is on a column whose type changes beside a version, and %s speaks of it, too",
                       twin->name, stmt->place);
        return FALSE;
    }
    return TRUE;
}

/* A value that the new type has is the same in both. */
static gboolean
keeps_what_fits(const char *from, const char *to)
{
    return type_keeps_values(from, to) || (strchr(to, '(') == NULL && type_keeps_meaning(to, from));
}

/* Until the end both foreign keys act, each on the rows that its own column tells. Where the new value is another one,
 * they are not the same rows, and a rollback would not bring back what the twin has deleted. */
static gboolean
check_actions(PlanContext *ctx, const VersionTable *table, const Twin *twin, GError **error)
{
    if (twin->constraint == NULL || twin->constraint->kind != 'f' ||
        (strstr(twin->constraint->definition, " CASCADE") == NULL &&
         strstr(twin->constraint->definition, " SET NULL") == NULL) ||
        is_kept_text(table, twin->statement, keeps_what_fits))
        return TRUE;
    ctx->offset = table->offset;
    context_refuse(error,
                   "drop it in a migration before this one, and make it again when this one is complete; or change the "
                   "type in a migration without a version",
                   "foreign key \"%s\" deletes or changes rows, and the new value of its column is another one: until "
                   "complete it would do so to rows of both",
                   twin->name);
    return FALSE;
}

static gboolean
check_twin(PlanContext *ctx, const VersionTable *table, const Twin *twin, GError **error)
{
    if (twin->index == NULL || twin->is_plain || twin->is_kept)
        return check_dropped(ctx, table, twin, error) && check_file(ctx, table, twin, error) &&
               check_actions(ctx, table, twin, error);
    ctx->offset = table->offset;
    context_refuse(
        error, "drop it in a migration before this one, and make the one for the new type when this one is complete",
        "index \"%s\" is on an expression or has a predicate: what it shall be for values of the new "
        "type, nobody can tell",
        twin->name);
    return FALSE;
}

gboolean
version_check_twins(PlanContext *ctx, const VersionTable *table, GError **error)
{
    for (guint i = 0; i < table->twins->len; i++) {
        if (!check_twin(ctx, table, g_ptr_array_index(table->twins, i), error))
            return FALSE;
    }
    return TRUE;
}

static Step *
begin(PlanContext *ctx, const VersionTable *table, const Twin *twin, StepKind kind)
{
    Step *step = version_step(ctx, twin->phase, kind, table->stmt, table->table);

    step->why =
        g_strdup_printf("for the new version what \"%s\" is for the old one; takes its name at complete%s", twin->name,
                        twin->phase == PHASE_CONTRACT ? ". Rows of the old application might violate it" : "");
    return step;
}

static void
plan_index(PlanContext *ctx, const VersionTable *table, const Twin *twin)
{
    const FactTable *fact = table->table;
    Step *step = begin(ctx, table, twin, STEP_INDEX_CREATE);

    step->sql = sql_build("CREATE ?INDEX CONCURRENTLY ? ON ? ?", sql_raw(twin->index->is_unique ? "UNIQUE " : ""),
                          sql_ident(twin->twin), sql_name(fact->schema, fact->name), sql_raw(twin->tail));
    step->rows = fact->rows;
    step_set(step, PARAM_INDEX, twin->twin);
    step_add_lock(step, fact->schema, fact->name, LOCK_SHARE_UPDATE_EXCLUSIVE, HOLD_BUILD, TRUE);
}

static void
lock_other(Step *step, const VersionTable *table, const FactConstraint *constraint, LockMode mode, LockHold hold)
{
    if (constraint->kind == 'f' && (strcmp(constraint->other_table, table->table->name) != 0 ||
                                    strcmp(constraint->other_schema, table->table->schema) != 0))
        step_add_lock(step, constraint->other_schema, constraint->other_table, mode, hold, constraint->other_is_owned);
}

/* As printed, it may say that it is not to be proven. */
static gboolean
is_proven(const Twin *twin)
{
    return twin->constraint->is_valid && strstr(twin->tail, "NOT ENFORCED") == NULL;
}

/* DEFERRABLE INITIALLY IMMEDIATE: an application that defers it does so by its name, and so not its twin. That is
 * deferred until it has the name: it finds at commit what the old one has found before. */
static gboolean
is_deferred_by_name(const FactConstraint *constraint)
{
    return constraint->kind == 'f' && (g_str_has_suffix(constraint->definition, " DEFERRABLE") ||
                                       g_str_has_suffix(constraint->definition, " DEFERRABLE NOT VALID"));
}

static void
plan_constraint(PlanContext *ctx, const VersionTable *table, const Twin *twin)
{
    const FactTable *fact = table->table;
    gboolean is_foreign = twin->constraint->kind == 'f';
    SqlArg name = sql_name(fact->schema, fact->name);
    Step *step = begin(ctx, table, twin, is_foreign ? STEP_FOREIGN_KEY_ADD_NOT_VALID : STEP_CHECK_ADD_NOT_VALID);

    step->sql = sql_build("ALTER TABLE ? ADD CONSTRAINT ? ???", name, sql_ident(twin->twin), sql_raw(twin->tail),
                          sql_raw(is_deferred_by_name(twin->constraint) ? " INITIALLY DEFERRED" : ""),
                          sql_raw(is_proven(twin) ? " NOT VALID" : ""));
    step_set(step, PARAM_CONSTRAINT, twin->twin);
    step_add_lock(step, fact->schema, fact->name, is_foreign ? LOCK_SHARE_ROW_EXCLUSIVE : LOCK_ACCESS_EXCLUSIVE,
                  HOLD_INSTANT, TRUE);
    lock_other(step, table, twin->constraint, LOCK_SHARE_ROW_EXCLUSIVE, HOLD_INSTANT);
    if (!is_proven(twin))
        return;
    step = begin(ctx, table, twin, is_foreign ? STEP_FOREIGN_KEY_VALIDATE : STEP_CHECK_VALIDATE);
    step->sql = sql_build("ALTER TABLE ? VALIDATE CONSTRAINT ?", name, sql_ident(twin->twin));
    step->rows = fact->rows;
    step_set(step, PARAM_CONSTRAINT, twin->twin);
    step_add_lock(step, fact->schema, fact->name, LOCK_SHARE_UPDATE_EXCLUSIVE, HOLD_SCAN, TRUE);
    lock_other(step, table, twin->constraint, LOCK_ROW_SHARE, HOLD_SCAN);
}

void
version_plan_twins(PlanContext *ctx, const VersionTable *table)
{
    for (guint i = 0; i < table->twins->len; i++) {
        const Twin *twin = g_ptr_array_index(table->twins, i);
        if (twin->index != NULL)
            plan_index(ctx, table, twin);
        else
            plan_constraint(ctx, table, twin);
        if (twin->phase == PHASE_BACKFILL && twin->index != NULL && twin->index->is_unique)
            plan_note(ctx->plan,
                      "\"%s\" is there twice until complete: sessions that insert the same value in the same instant "
                      "with ON CONFLICT (columns) may get a unique violation (23505), as PostgreSQL looks at one of "
                      "both; such a statement has to be tried again",
                      twin->name);
        if (twin->phase == PHASE_CONTRACT)
            plan_note(ctx->plan,
                      "\"%s\" is made for the new type when the old application is gone, since its values might not "
                      "hold; until then only the old column has it",
                      twin->name);
    }
}

static void
index_takes_place(Step *step, const VersionTable *table, const Twin *twin)
{
    const FactTable *fact = table->table;
    SqlArg name = sql_name(fact->schema, fact->name);
    SqlArg index = sql_name(fact->schema, twin->name);

    if (twin->constraint != NULL)
        step_add_sql(step, sql_build("ALTER TABLE ? ADD CONSTRAINT ? UNIQUE USING INDEX ?", name, sql_ident(twin->name),
                                     sql_ident(twin->twin)));
    else
        step_add_sql(step,
                     sql_build("ALTER INDEX ? RENAME TO ?", sql_name(fact->schema, twin->twin), sql_ident(twin->name)));
    if (twin->index->comment != NULL)
        step_add_sql(step, sql_build("COMMENT ON INDEX ? IS ?", index, sql_literal(twin->index->comment)));
    for (guint i = 0; twin->index->statistics != NULL && i < twin->index->statistics->len; i++)
        step_add_sql(step, sql_build("ALTER INDEX ? ?", index, sql_raw(g_ptr_array_index(twin->index->statistics, i))));
    if (twin->index->is_clustered)
        step_add_sql(step, sql_build("ALTER TABLE ? CLUSTER ON ?", name, sql_ident(twin->name)));
    if (twin->index->is_replica_identity)
        step_add_sql(step, sql_build("ALTER TABLE ? REPLICA IDENTITY USING INDEX ?", name, sql_ident(twin->name)));
}

/* As version.end names it: rewrite/queries/swap_inventory.sql. */
static const char *
thing_of(const Twin *twin)
{
    if (twin->index != NULL)
        return "index";
    return twin->constraint->kind == 'f' ? "foreign key" : "constraint";
}

void
version_twins_take_place(Step *step, const VersionTable *table)
{
    SqlArg name = sql_name(table->table->schema, table->table->name);

    for (guint i = 0; i < table->twins->len; i++) {
        const Twin *twin = g_ptr_array_index(table->twins, i);

        step_append(step, PARAM_GONE, g_strdup_printf("%s %s", thing_of(twin), twin->twin));
        if (twin->index != NULL)
            index_takes_place(step, table, twin);
        else
            step_add_sql(step, sql_build("ALTER TABLE ? RENAME CONSTRAINT ? TO ?", name, sql_ident(twin->twin),
                                         sql_ident(twin->name)));
        if (twin->constraint == NULL)
            continue;
        if (is_deferred_by_name(twin->constraint))
            step_add_sql(step, sql_build("ALTER TABLE ? ALTER CONSTRAINT ? DEFERRABLE INITIALLY IMMEDIATE", name,
                                         sql_ident(twin->name)));
        lock_other(step, table, twin->constraint, LOCK_ACCESS_EXCLUSIVE, HOLD_INSTANT);
        if (twin->constraint->comment != NULL)
            step_add_sql(step, sql_build("COMMENT ON CONSTRAINT ? ON ? IS ?", sql_ident(twin->name), name,
                                         sql_literal(twin->constraint->comment)));
    }
}

/* An array of names: SQL. */
static void
add_name(GString *list, const char *name)
{
    g_autofree char *item = sql_build("?", sql_literal(name));

    g_string_append_printf(list, "%s%s", list->len > 0 ? ", " : "", item);
}

char *
version_has_twin_sql(const VersionTable *table)
{
    g_autoptr(GString) indexes = g_string_new(NULL);
    g_autoptr(GString) constraints = g_string_new(NULL);

    for (guint i = 0; i < table->twins->len; i++) {
        const Twin *twin = g_ptr_array_index(table->twins, i);

        if (twin->constraint != NULL)
            add_name(constraints, twin->constraint->name);
        else
            add_name(indexes, twin->name);
    }
    return sql_build("(d.classid = 'pg_catalog.pg_class'::pg_catalog.regclass AND EXISTS (SELECT FROM "
                     "pg_catalog.pg_class AS i WHERE i.oid = d.objid AND i.relkind = 'i' AND i.relname = ANY "
                     "(CAST(ARRAY[?] AS pg_catalog.text[])))) OR "
                     "(d.classid = 'pg_catalog.pg_constraint'::pg_catalog.regclass AND EXISTS (SELECT FROM "
                     "pg_catalog.pg_constraint AS t WHERE t.oid = d.objid AND t.conrelid = a.attrelid AND t.conname = "
                     "ANY (CAST(ARRAY[?] AS pg_catalog.text[]))))",
                     sql_raw(indexes->str), sql_raw(constraints->str));
}

/* The row as the new version has it, as far as types go: SQL. The caller frees. */
static char *
new_row(const VersionTable *table)
{
    g_autoptr(GString) added = g_string_new("*");

    for (guint i = 0; i < table->columns->len; i++) {
        const VersionColumn *column = g_ptr_array_index(table->columns, i);
        g_autofree char *one = NULL;

        if (column->retyped == NULL)
            continue;
        one = sql_build(", CAST(NULL AS ?) AS ?", sql_raw(column->retyped->type), sql_ident(column->hidden));
        g_string_append(added, one);
    }
    return sql_build("SELECT ? FROM ?", sql_raw(added->str), sql_name(table->table->schema, table->table->name));
}

static void
probe_check(GPtrArray *probes, const VersionTable *table, const Twin *twin)
{
    g_autoptr(GHashTable) names = names_of(table, PHASE_BACKFILL);
    guint n;
    g_autofree char *statement = rename_columns(twin->statement, names, &n, NULL);
    g_autofree char *rows = new_row(table);
    int offset = 0;
    g_autoptr(GPtrArray) stmts = parse_source(statement, &offset, NULL);
    const Stmt *stmt = stmts != NULL ? g_ptr_array_index(stmts, 0) : NULL;
    const AlterCmd *cmd = stmt != NULL && stmt->kind == STMT_ALTER_TABLE
                              ? (const AlterCmd *)g_ptr_array_index(stmt->alter_table.cmds, 0)
                              : NULL;
    PlanProbe *probe;

    if (cmd == NULL || cmd->constraint == NULL)
        return;
    probe = plan_probe_add(probes,
                           sql_build("EXPLAIN SELECT (?\n) FROM (?) AS ?", sql_raw(cmd->constraint->check.text),
                                     sql_raw(rows), sql_ident(table->table->name)),
                           table->offset);
    probe->wrong = g_strdup_printf("constraint \"%s\" means nothing for the new type", twin->name);
    probe->hint = g_strdup("drop it in a migration before this one");
}

void
version_probe_twins(GPtrArray *probes, const VersionTable *table)
{
    for (guint i = 0; i < table->twins->len; i++) {
        const Twin *twin = g_ptr_array_index(table->twins, i);

        if (twin->constraint != NULL && twin->constraint->kind == 'c')
            probe_check(probes, table, twin);
    }
}
