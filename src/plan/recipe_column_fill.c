/*
 * ADD COLUMN whose existing rows each get a value of their own: volatile default, serial, identity (research: recipe
 * R2, measured on 12 to 18). The column comes with its default for new rows in one transaction, the rows that are there
 * are filled in batches, and NULL is forbidden without a scan under ACCESS EXCLUSIVE. All of it happens before the
 * gate: the old application does not name the column, so its rows get the default.
 */
#include <string.h>

#include "base/names.h"
#include "base/sqltext.h"
#include "plan/naming.h"
#include "plan/objects.h"
#include "plan/recipe.h"
#include "plan/recipe_column.h"

gboolean
recipe_generated_update(PlanContext *ctx, char *text, GError **error)
{
    g_autofree char *shown = g_strdup(ctx->stmt->up != NULL ? ctx->stmt->up : text);
    const Stmt *written = ctx->stmt;
    const Stmt *stmt = context_generate(ctx, text, NULL);
    gboolean ok;

    if (stmt == NULL || stmt->kind != STMT_UPDATE) {
        context_refuse(error, "write it as: -- pgseam: up column = expression", "this is not an assignment: %s", shown);
        return FALSE;
    }
    ctx->stmt = stmt;
    ok = recipe_dml(ctx, error);
    ctx->stmt = written;
    return ok;
}

char *
column_sequence_name(PlanContext *ctx, const Target *target, const char *column)
{
    for (unsigned number = 0; number < CONSTRAINT_NAMES; number++) {
        g_autofree char *name = name_default(target->name, column, "seq", number);

        if (context_is_relation_taken(ctx, target->schema, name))
            continue;
        g_hash_table_add(ctx->index_names, sql_quote_name(target->schema, name));
        return g_steal_pointer(&name);
    }
    return NULL;
}

/* Sequences of a type hold no more than it. */
static const char *
integer_of(const ColumnDef *column)
{
    static const struct {
        const char *serial;
        const char *integer;
    } types[] = {{"serial", "integer"}, {"serial4", "integer"},      {"bigserial", "bigint"},
                 {"serial8", "bigint"}, {"smallserial", "smallint"}, {"serial2", "smallint"}};

    for (gsize i = 0; i < G_N_ELEMENTS(types); i++) {
        if (strcmp(types[i].serial, column->type_name) == 0)
            return types[i].integer;
    }
    return NULL;
}

static char *
nextval_of(const Target *target, const char *sequence)
{
    g_autofree char *qualified = sql_quote_name(target->schema, sequence);

    return sql_build("pg_catalog.nextval(CAST(? AS pg_catalog.regclass))", sql_literal(qualified));
}

/* Sequence and default come with the column: no row is written without them. A sequence belongs to its table's owner,
 * who need not be the role that we are. */
static void
add_sequence(const PlanContext *ctx, Step *add, const Target *target, const char *column, const char *sequence,
             const char *options)
{
    g_autofree char *nextval = nextval_of(target, sequence);
    SqlArg table = sql_name(target->schema, target->name);
    SqlArg name = sql_name(target->schema, sequence);

    step_append(add, PARAM_MORE, sql_build("CREATE SEQUENCE ? ?", name, sql_raw(options)));
    if (strcmp(target->table->owner, ctx->facts->role) != 0)
        step_append(add, PARAM_MORE, sql_build("ALTER SEQUENCE ? OWNER TO ?", name, sql_ident(target->table->owner)));
    step_append(add, PARAM_MORE, sql_build("ALTER SEQUENCE ? OWNED BY ?.?", name, table, sql_ident(column)));
    step_append(add, PARAM_MORE,
                sql_build("ALTER TABLE ? ALTER COLUMN ? SET DEFAULT ?", table, sql_ident(column), sql_raw(nextval)));
}

/* Two bytes number 32767 rows: the backfill of a large table, and then every INSERT, would fail. A sequence with limits
 * of its own likewise. */
static gboolean
check_room(const Target *target, const ColumnDef *column, const char *integer, const char *options, GError **error)
{
    gboolean is_narrow = g_ascii_strcasecmp(integer, "smallint") == 0 || g_ascii_strcasecmp(integer, "int2") == 0;

    if (target->table->is_small || (!is_narrow && (options == NULL || !sql_mentions(options, "MAXVALUE"))))
        return TRUE;
    context_refuse(error, "use bigint, and no MAXVALUE",
                   "the sequence of column \"%s\" might not have a number for each row of table %s: the backfill, and "
                   "every INSERT behind it, would fail",
                   column->name, target->name);
    return FALSE;
}

/* Only the rows that are there when the column comes need it: all others get the default, so nothing is swept. */
static gboolean
fill_rows(PlanContext *ctx, const Target *target, const char *column, const char *value, GError **error)
{
    guint begin = ctx->phases[PHASE_BACKFILL]->len;

    plan_note(ctx->plan,
              "%s: existing rows get their values for column \"%s\" in the order of the backfill; a plain ADD "
              "COLUMN would hand them out in the order of the table's pages",
              ctx->stmt->place, column);
    if (!recipe_generated_update(ctx,
                                 sql_build("UPDATE ? SET ? = ? WHERE ? IS NULL", sql_name(target->schema, target->name),
                                           sql_ident(column), sql_raw(value), sql_ident(column)),
                                 error))
        return FALSE;
    for (guint i = begin; i < ctx->phases[PHASE_BACKFILL]->len; i++)
        g_hash_table_remove(((Step *)g_ptr_array_index(ctx->phases[PHASE_BACKFILL], i))->params, PARAM_REPEATABLE);
    return TRUE;
}

static gboolean
fill_serial(PlanContext *ctx, const Target *target, const ColumnDef *column, Step *add, GError **error)
{
    g_autofree char *sequence = column_sequence_name(ctx, target, column->name);
    const char *integer = integer_of(column);
    g_autofree char *options = g_strconcat("AS ", integer, NULL);
    g_autofree char *nextval = NULL;

    if (sequence == NULL) {
        context_refuse(error, NULL, "there are already ten sequences named like that of column \"%s\"", column->name);
        return FALSE;
    }
    if (!check_room(target, column, integer, NULL, error))
        return FALSE;
    plan_note(ctx->plan,
              "%s: roles other than the owner that insert into table %s need USAGE on its new sequence (GRANT, or "
              "ALTER DEFAULT PRIVILEGES before), as they would after a plain ADD COLUMN of a serial type",
              ctx->stmt->place, target->name);
    g_free(add->sql);
    add->sql = sql_build("ALTER TABLE ? ADD COLUMN ? ?", sql_name(target->schema, target->name),
                         sql_ident(column->name), sql_raw(integer));
    add_sequence(ctx, add, target, column->name, sequence, options);
    nextval = nextval_of(target, sequence);
    return fill_rows(ctx, target, column->name, nextval, error) &&
           recipe_not_null_in(ctx, target, column->name, NULL, PHASE_BACKFILL, error);
}

/* The identity takes over from the sequence that has filled the rows, where that has come to. */
static void
add_identity(PlanContext *ctx, const Target *target, const ColumnDef *column, const char *helper, const char *sequence)
{
    const ConstraintDef *identity = column_identity(column);
    Step *step = context_step(ctx, PHASE_BACKFILL, STEP_DDL_RUN, target);
    SqlArg table = sql_name(target->schema, target->name);
    SqlArg name = sql_ident(column->name);
    g_autofree char *qualified = sql_quote_name(target->schema, sequence);

    step->sql = sql_build("ALTER TABLE ? ALTER COLUMN ? DROP DEFAULT", table, name);
    step_append(step, PARAM_MORE,
                sql_build("ALTER TABLE ? ALTER COLUMN ? ADD ? (SEQUENCE NAME ? ?)", table, name,
                          sql_raw(identity->identity), sql_name(target->schema, sequence),
                          sql_raw(identity->sequence != NULL ? identity->sequence : "")));
    step_append(
        step, PARAM_MORE,
        sql_build("SELECT pg_catalog.setval(CAST(? AS pg_catalog.regclass), s.last_value, s.is_called) FROM ? AS s",
                  sql_literal(qualified), sql_name(target->schema, helper)));
    step_append(step, PARAM_MORE, sql_build("DROP SEQUENCE ?", sql_name(target->schema, helper)));
    step_append(step, PARAM_UNDO, sql_build("ALTER TABLE ? ALTER COLUMN ? DROP IDENTITY", table, name));
    step_append(step, PARAM_UNDO, sql_build("ALTER TABLE ? ALTER COLUMN ? DROP NOT NULL", table, name));
    step->why =
        g_strdup("the rows are filled: the identity takes over from the helper sequence, all in one transaction");
    context_lock(step, target, LOCK_ACCESS_EXCLUSIVE, HOLD_INSTANT);
}

static gboolean
fill_identity(PlanContext *ctx, const Target *target, const ColumnDef *column, Step *add, GError **error)
{
    const ConstraintDef *identity = column_identity(column);
    g_autofree char *sequence = column_sequence_name(ctx, target, column->name);
    g_autofree char *stem = g_strconcat(target->name, "_", column->name, NULL);
    g_autofree char *helper = name_bounded("identity", stem);
    g_autofree char *options =
        g_strdup_printf("AS %s %s", column->type, identity->sequence != NULL ? identity->sequence : "");
    g_autofree char *nextval = NULL;

    if (identity->names_sequence || sequence == NULL) {
        context_not_yet(error, "leave SEQUENCE NAME out",
                        "ADD COLUMN with an identity whose sequence has a name of its own");
        return FALSE;
    }
    if (!check_room(target, column, column->type, identity->sequence, error))
        return FALSE;
    add_sequence(ctx, add, target, column->name, helper, options);
    /* An identity needs no privilege of those who insert; its stand-in would. It is gone before the gate. */
    step_append(add, PARAM_MORE, sql_build("GRANT USAGE ON SEQUENCE ? TO PUBLIC", sql_name(target->schema, helper)));
    nextval = nextval_of(target, helper);
    if (!fill_rows(ctx, target, column->name, nextval, error) ||
        !recipe_not_null_in(ctx, target, column->name, NULL, PHASE_BACKFILL, error))
        return FALSE;
    add_identity(ctx, target, column, helper, sequence);
    return TRUE;
}

static gboolean
fill_default(PlanContext *ctx, const Target *target, const ColumnDef *column, Step *add, GError **error)
{
    step_append(add, PARAM_MORE,
                sql_build("ALTER TABLE ? ALTER COLUMN ? SET DEFAULT ?", sql_name(target->schema, target->name),
                          sql_ident(column->name), sql_raw(column->default_value.text)));
    return fill_rows(ctx, target, column->name, column->default_value.text, error) &&
           (!column->is_not_null || recipe_not_null_in(ctx, target, column->name, NULL, PHASE_BACKFILL, error));
}

/* A plain ADD COLUMN fires no trigger; an UPDATE of each row would. */
static gboolean
check_triggers(const Target *target, const ColumnDef *column, GError **error)
{
    g_autofree char *name = sql_quote_ident(column->name);
    g_autofree char *hint = NULL;

    if (!target->table->fires_on_update)
        return TRUE;
    hint = g_strdup_printf(
        "write it out, if the triggers may fire: ADD COLUMN %s, ALTER COLUMN %s SET DEFAULT ..., UPDATE "
        "... SET %s = ... WHERE %s IS NULL",
        name, name, name, name);
    context_refuse(error, hint,
                   "table %s has triggers on UPDATE: they would fire for each row that column %s is filled in, which a "
                   "plain ADD COLUMN does not do",
                   target->name, name);
    return FALSE;
}

gboolean
column_fill(PlanContext *ctx, const Target *target, const AlterCmd *cmd, Step *add, GError **error)
{
    const ColumnDef *column = &cmd->definition;

    if (!check_triggers(target, column, error))
        return FALSE;
    if (target->table->has_row_security && target->table->forces_row_security) {
        context_refuse(error, "ALTER TABLE ... NO FORCE ROW LEVEL SECURITY before, in a migration of its own",
                       "table %s forces its row security on its owner: rows that it hides could not be filled",
                       target->name);
        return FALSE;
    }
    if (context_is_serial(column->type_name))
        return fill_serial(ctx, target, column, add, error);
    if (column_identity(column) != NULL)
        return fill_identity(ctx, target, column, add, error);
    return fill_default(ctx, target, column, add, error);
}
