/*
 * Which statements are a move of columns to a new table, and which look like one and cannot be carried out.
 */
#include <string.h>

#include "base/names.h"
#include "base/sqltext.h"
#include "plan/naming.h"
#include "plan/objects.h"
#include "plan/version_move.h"

#define AFTERWARDS                                                                                                     \
    "leave the columns where they are in this file, and drop them in a migration of its own, after this one"

/* What is in hand while one is read. */
typedef struct Reading {
    PlanContext *ctx;
    const Stmt *insert;
    const CreateTableStmt *create;
    const FactTable *source;
    const VersionTable *shape; /* what the file makes of the source */
    Move *move;
} Reading;

void
version_move_free(gpointer data)
{
    VersionMove *move = data;

    move_free(move->move);
    g_free(move);
}

/* The statement that drops the column; NULL. */
static const Stmt *
dropped_by(const PlanContext *ctx, const FactTable *table, const char *column)
{
    for (guint i = 0; i < ctx->script->stmts->len; i++) {
        const Stmt *stmt = g_ptr_array_index(ctx->script->stmts, i);

        if (stmt_alter(stmt, ALTER_DROP_COLUMN, column) != NULL &&
            facts_find(ctx->facts, stmt->alter_table.relation.schema, stmt->alter_table.relation.name) == table)
            return stmt;
    }
    return NULL;
}

static gboolean
reads_dropped(const PlanContext *ctx, const Stmt *stmt, const FactTable *table)
{
    const DmlStmt *dml = &stmt->dml;

    for (guint i = 0; i < table->columns->len; i++) {
        const char *name = ((const FactColumn *)g_ptr_array_index(table->columns, i))->name;
        gboolean is_read = dml->rest.has_whole_row || dml->where.has_whole_row ||
                           names_contain(dml->rest.columns, name) || names_contain(dml->where.columns, name);

        for (guint k = 0; !is_read && k < dml->assignments->len; k++)
            is_read = names_contain(((const Assignment *)g_ptr_array_index(dml->assignments, k))->value.columns, name);
        if (is_read && dropped_by(ctx, table, name) != NULL)
            return TRUE;
    }
    return FALSE;
}

gboolean
version_move_is(const PlanContext *ctx, const Stmt *stmt)
{
    const DmlStmt *dml = &stmt->dml;
    const FactTable *changed;

    if (ctx->script->version == NULL || (stmt->kind != STMT_INSERT && stmt->kind != STMT_UPDATE))
        return FALSE;
    changed = facts_find(ctx->facts, dml->relation.schema, dml->relation.name);
    for (guint i = 0; i < dml->reads->len; i++) {
        const RelName *name = g_ptr_array_index(dml->reads, i);
        const FactTable *table = facts_find(ctx->facts, name->schema, name->name);

        if (table != NULL && table != changed && reads_dropped(ctx, stmt, table))
            return TRUE;
    }
    return FALSE;
}

gboolean
version_move_fills(const PlanContext *ctx, const CreateTableStmt *create)
{
    for (guint i = 0; i < ctx->script->stmts->len; i++) {
        const Stmt *stmt = g_ptr_array_index(ctx->script->stmts, i);

        if (stmt->kind == STMT_INSERT && strcmp(stmt->dml.relation.name, create->relation.name) == 0 &&
            stmt->consent == NULL && version_move_is(ctx, stmt))
            return TRUE;
    }
    return FALSE;
}

static gboolean
check_statement(const Reading *reading, GError **error)
{
    const DmlStmt *dml = &reading->insert->dml;

    if (reading->insert->kind == STMT_INSERT && dml->picked != NULL && dml->columns != NULL && dml->hazard == NULL &&
        dml->unsupported == NULL && dml->picked->len == dml->columns->len &&
        (dml->where.text == NULL || dml->filled != NULL))
        return TRUE;
    context_refuse(
        error,
        "a move of columns is INSERT INTO new_table (columns) SELECT columns FROM table WHERE a IS NOT NULL OR b "
        "IS NOT NULL: plain columns of one table, and in WHERE, or without it, all of those that move; or " AFTERWARDS,
        "this file drops columns that the %s reads: what the old application writes to them later would be "
        "missing where they go",
        reading->insert->what);
    return FALSE;
}

static gboolean
check_source(const Reading *reading, GError **error)
{
    const FactTable *source = reading->source;
    const char *why = source->has_rules            ? "has rules"
                      : source->has_row_security   ? "has row-level security, which the new table would not have"
                      : source->persistence != 'p' ? "is unlogged: its copy would not be emptied with it"
                      : facts_primary_key(source) == NULL || facts_primary_key(source)->columns == NULL
                          ? "has no primary key"
                          : NULL;

    if (why == NULL && strcmp(reading->shape->name, source->name) != 0)
        why = "is renamed in the same file";
    if (why == NULL)
        return TRUE;
    context_refuse(error, AFTERWARDS, "columns of table %s cannot move to another one: it %s", source->name, why);
    return FALSE;
}

/* The statement that makes the new table. */
static const CreateTableStmt *
find_create(const Reading *reading)
{
    const PlanContext *ctx = reading->ctx;
    const RelName *name = &reading->insert->dml.relation;

    for (guint i = 0; i < ctx->script->stmts->len; i++) {
        const Stmt *stmt = g_ptr_array_index(ctx->script->stmts, i);

        if (stmt == reading->insert)
            return NULL;
        if (stmt->kind == STMT_CREATE_TABLE && strcmp(stmt->create_table.relation.name, name->name) == 0 &&
            g_strcmp0(context_schema_of(ctx, &stmt->create_table.relation), context_schema_of(ctx, name)) == 0)
            return &stmt->create_table;
    }
    return NULL;
}

static gboolean
check_create(Reading *reading, GError **error)
{
    const CreateTableStmt *create = find_create(reading);
    const char *name = reading->insert->dml.relation.name;

    reading->create = create;
    if (create != NULL && !create->if_not_exists && create->unsupported == NULL && create->sources->len == 0 &&
        create->parents->len == 0 && !create->is_partitioned && !create->is_unlogged)
        return TRUE;
    context_refuse(
        error, "CREATE TABLE in this same file, above the INSERT; or " AFTERWARDS,
        "columns can only move to an ordinary table that this file makes, without IF NOT EXISTS, LIKE, INHERITS, "
        "PARTITION or UNLOGGED, and nobody else writes: %s is none",
        name);
    return FALSE;
}

static const ColumnDef *
find_definition(const CreateTableStmt *create, const char *name)
{
    for (guint i = 0; i < create->columns->len; i++) {
        const ColumnDef *column = g_ptr_array_index(create->columns, i);

        if (strcmp(column->name, name) == 0)
            return column;
    }
    return NULL;
}

static gboolean
is_same_type(const Reading *reading, const ColumnDef *made, const FactColumn *from)
{
    const FactType *type = g_hash_table_lookup(reading->ctx->facts->types, made->type);

    return type != NULL && type->exists && g_strcmp0(type->formatted, from->type) == 0;
}

static gboolean
check_pair(const Reading *reading, const ColumnDef *made, const FactColumn *from, GError **error)
{
    if (!is_same_type(reading, made, from)) {
        g_autofree char *hint = g_strdup_printf("make it %s, and change it in a migration of its own", from->type);

        context_refuse(error, hint, "column \"%s\" of table %s is %s, and \"%s\" of the new table is %s", from->name,
                       reading->source->name, from->type, made->name, made->type);
        return FALSE;
    }
    if (from->has_collation || g_regex_match_simple("\\bCOLLATE\\b", made->base, G_REGEX_CASELESS, 0)) {
        context_refuse(error, AFTERWARDS, "column \"%s\" has a collation of its own", from->name);
        return FALSE;
    }
    return TRUE;
}

static gboolean
check_key_column(const VersionColumn *column, GError **error)
{
    const FactColumn *fact = column->fact;

    if (column->is_dropped || column->retyped != NULL || strcmp(column->name, fact->name) != 0) {
        context_refuse(error, "change it in a migration of its own, after this one",
                       "the key column \"%s\" changes in the same file", fact->name);
        return FALSE;
    }
    if (fact->greater_operator == NULL || strcmp(fact->greater_operator, "OPERATOR(pg_catalog.>)") != 0) {
        context_refuse(error, AFTERWARDS, "the type of the key column \"%s\" is none of PostgreSQL's own", fact->name);
        return FALSE;
    }
    return TRUE;
}

static gboolean
check_moved_column(const Reading *reading, const VersionColumn *column, GError **error)
{
    const FactColumn *fact = column->fact;
    const Stmt *drop = dropped_by(reading->ctx, reading->source, fact->name);
    const char *why = NULL;

    if (drop == NULL || !column->is_dropped) {
        context_refuse(error, "drop it in this file, too, or leave it out of the INSERT",
                       "column \"%s\" stays in table %s: rows written later would not be copied", fact->name,
                       reading->source->name);
        return FALSE;
    }
    if (column->down != NULL || column->retyped != NULL || drop->offset < reading->insert->offset) {
        context_refuse(error, "INSERT first, then a DROP COLUMN without a directive \"down\"",
                       "how column \"%s\" of the old application gets its value is known from the INSERT", fact->name);
        return FALSE;
    }
    if (fact->is_not_null || fact->forbids_null)
        why = "is NOT NULL";
    else if (fact->default_expr != NULL || fact->type_default != NULL)
        why = "has a default";
    else if (fact->is_generated || fact->is_identity)
        why = "is generated";
    if (why == NULL)
        return TRUE;
    context_refuse(error, "ALTER COLUMN ... DROP NOT NULL or DROP DEFAULT in a migration before this one",
                   "column \"%s\" %s: until complete NULL is what says that the new table has no value", fact->name,
                   why);
    return FALSE;
}

/* One column of the INSERT, into reading->move. */
static gboolean
read_column(Reading *reading, guint number, GError **error)
{
    const DmlStmt *dml = &reading->insert->dml;
    const FactIndex *key = facts_primary_key(reading->source);
    const char *from = g_ptr_array_index(dml->picked, number);
    const char *to = g_ptr_array_index(dml->columns, number);
    const VersionColumn *column = version_old_column(reading->shape, from);
    const ColumnDef *made = find_definition(reading->create, to);
    gboolean is_key = names_contain(key->columns, from);

    if (column == NULL) {
        context_refuse(error, "check the names", "there is no column \"%s\" in table %s", from, reading->source->name);
        return FALSE;
    }
    if (!check_pair(reading, made, column->fact, error) ||
        !(is_key ? check_key_column(column, error) : check_moved_column(reading, column, error)))
        return FALSE;
    move_add(reading->move, from, to, is_key ? column->fact->key_type : NULL, made->default_value.text);
    return TRUE;
}

/* The place of a column of the new table in the INSERT's list; FALSE if it has none. */
static gboolean
find_place(const DmlStmt *dml, const char *name, guint *ret)
{
    return g_ptr_array_find_with_equal_func(dml->columns, name, g_str_equal, ret);
}

static gboolean
is_picked_once(const DmlStmt *dml, guint place)
{
    for (guint i = 0; i < dml->picked->len; i++) {
        if (i != place && strcmp(g_ptr_array_index(dml->picked, i), g_ptr_array_index(dml->picked, place)) == 0)
            return FALSE;
    }
    return TRUE;
}

/* In the new table's order: the view has it, too. */
static gboolean
read_in_order(Reading *reading, GError **error)
{
    const DmlStmt *dml = &reading->insert->dml;

    for (guint i = 0; i < reading->create->columns->len; i++) {
        const char *name = ((const ColumnDef *)g_ptr_array_index(reading->create->columns, i))->name;
        guint place = 0;

        if (!find_place(dml, name, &place)) {
            context_refuse(
                error, "add it in a migration of its own, after this one",
                "column \"%s\" of the new table is not in the INSERT: until complete there would be no place for it",
                name);
            return FALSE;
        }
        if (!is_picked_once(dml, place)) {
            context_refuse(error, "copy it in a migration of its own, after this one",
                           "column \"%s\" would go to two columns of the new table",
                           (const char *)g_ptr_array_index(dml->picked, place));
            return FALSE;
        }
        if (!read_column(reading, place, error))
            return FALSE;
    }
    return TRUE;
}

static gboolean
read_columns(Reading *reading, GError **error)
{
    const DmlStmt *dml = &reading->insert->dml;
    const FactIndex *key = facts_primary_key(reading->source);
    g_autoptr(GPtrArray) keys = NULL;
    g_autoptr(GPtrArray) moved = NULL;

    if (!read_in_order(reading, error))
        return FALSE;
    keys = move_names(reading->move, TRUE, FALSE);
    moved = move_names(reading->move, FALSE, FALSE);
    if (keys->len == key->columns->len && dml->columns->len == reading->move->columns->len && moved->len > 0 &&
        moved->len < MOVE_MAX_COLUMNS)
        return TRUE;
    context_refuse(
        error, "INSERT INTO new_table (key, a) SELECT key, a FROM table",
        "a move takes the primary key of %s, each column once, and some columns that go, to columns of the new "
        "table",
        reading->source->name);
    return FALSE;
}

/* Without WHERE each row of the source has one; with it, those in which one of the moved columns is not NULL. */
static gboolean
read_where(Reading *reading, GError **error)
{
    const DmlStmt *dml = &reading->insert->dml;
    g_autoptr(GPtrArray) moved = move_names(reading->move, FALSE, FALSE);
    gboolean all = TRUE;

    reading->move->is_optional = dml->filled != NULL;
    if (dml->filled == NULL)
        return TRUE;
    for (guint i = 0; i < moved->len; i++)
        all &= names_contain(dml->filled, g_ptr_array_index(moved, i));
    for (guint i = 0; i < dml->filled->len; i++)
        all &= names_contain(moved, g_ptr_array_index(dml->filled, i));
    if (!all)
        context_refuse(
            error, "WHERE a IS NOT NULL OR b IS NOT NULL, with all columns that move and no other",
            "the WHERE does not decide by just the columns that move: values would be dropped, or a row could not "
            "be told from none");
    return all;
}

/* Exactly the columns of the key, in any order. */
static gboolean
is_key_list(const Reading *reading, const GPtrArray *columns)
{
    g_autoptr(GPtrArray) keys = move_names(reading->move, TRUE, TRUE);

    for (guint i = 0; i < keys->len; i++) {
        if (!names_contain(columns, g_ptr_array_index(keys, i)))
            return FALSE;
    }
    return columns->len == keys->len;
}

static gboolean
is_cascade_to_source(const Reading *reading, const ConstraintDef *constraint)
{
    const FactIndex *key = facts_primary_key(reading->source);
    const RelName *other = &constraint->other;

    if (facts_find(reading->ctx->facts, other->schema, other->name) != reading->source ||
        !is_key_list(reading, constraint->columns) ||
        !g_regex_match_simple("\\bON\\s+DELETE\\s+CASCADE\\b", constraint->body, G_REGEX_CASELESS, 0))
        return FALSE;
    for (guint i = 0; i < constraint->columns->len; i++) {
        const char *referenced =
            g_ptr_array_index(constraint->other_columns->len > 0 ? constraint->other_columns : key->columns, i);

        for (guint k = 0; k < reading->move->columns->len; k++) {
            const MoveColumn *column = g_ptr_array_index(reading->move->columns, k);

            if (strcmp(column->to, g_ptr_array_index(constraint->columns, i)) == 0 &&
                strcmp(column->from, referenced) != 0)
                return FALSE;
        }
    }
    return TRUE;
}

static gboolean
take_constraint(Reading *reading, const ConstraintDef *constraint, GError **error)
{
    if (constraint->kind == CONSTRAINT_NOT_NULL && is_key_list(reading, constraint->columns))
        return TRUE;
    /* Not UNIQUE: a table without a primary key that is published refuses UPDATE and DELETE, so the old application's.
     */
    if (constraint->kind == CONSTRAINT_PRIMARY && reading->move->constraint == NULL && constraint->attributes == NULL &&
        is_key_list(reading, constraint->columns)) {
        reading->move->constraint = constraint->name != NULL
                                        ? g_strdup(constraint->name)
                                        : constraint_default_name(reading->create->relation.name, constraint, 0);
        return TRUE;
    }
    if (constraint->kind == CONSTRAINT_FOREIGN && constraint->attributes == NULL && !reading->move->has_foreign_key &&
        is_cascade_to_source(reading, constraint)) {
        reading->move->has_foreign_key = TRUE;
        return TRUE;
    }
    context_refuse(
        error,
        "until complete the new table may have its key, a foreign key from that to the source, ON DELETE CASCADE, "
        "and plain indexes; add the rest in a migration of its own, after this one",
        "\"%s\" of the new table might not hold for what the old application writes",
        constraint->body != NULL ? constraint->body : constraint->name);
    return FALSE;
}

static gboolean
check_not_null(const Reading *reading, const ColumnDef *made, GError **error)
{
    g_autoptr(GPtrArray) keys = move_names(reading->move, TRUE, TRUE);
    gboolean is_only = reading->move->columns->len == keys->len + 1;

    if (!made->is_not_null || names_contain(keys, made->name) || (is_only && reading->move->is_optional))
        return TRUE;
    context_refuse(error, "leave NOT NULL out, and add it in a migration of its own, after this one",
                   "column \"%s\" of the new table is NOT NULL, and the old application may write NULL", made->name);
    return FALSE;
}

static gboolean
read_constraints(Reading *reading, GError **error)
{
    const CreateTableStmt *create = reading->create;

    for (guint i = 0; i < create->columns->len; i++) {
        const ColumnDef *made = g_ptr_array_index(create->columns, i);

        if (!check_not_null(reading, made, error))
            return FALSE;
        for (guint k = 0; k < made->constraints->len; k++) {
            if (!take_constraint(reading, g_ptr_array_index(made->constraints, k), error))
                return FALSE;
        }
    }
    for (guint i = 0; i < create->constraints->len; i++) {
        if (!take_constraint(reading, g_ptr_array_index(create->constraints, i), error))
            return FALSE;
    }
    if (reading->move->constraint != NULL)
        return TRUE;
    context_refuse(error, "make the columns that take it PRIMARY KEY",
                   "the new table's key must be the primary key of %s, and no more", reading->source->name);
    return FALSE;
}

/* A name with a quote in it has two there. */
static gboolean
mentions_name(const char *sql, const char *name)
{
    g_autofree char *doubled = sql_doubled(name);

    return sql_mentions(sql, name) || sql_mentions(sql, doubled);
}

/* An index of plain columns, privileges and comments: nothing that could stop a row. */
static gboolean
may_stand_beside(const Reading *reading, const Stmt *stmt)
{
    if (stmt == reading->insert || (stmt->kind == STMT_CREATE_TABLE && &stmt->create_table == reading->create) ||
        !mentions_name(stmt->text, reading->create->relation.name))
        return TRUE;
    if (stmt->kind == STMT_CREATE_INDEX)
        return !stmt->create_index.is_unique && stmt->create_index.plain != NULL;
    return stmt->kind == STMT_OBJECT && (stmt->object.verb == OBJECT_GRANT || stmt->object.verb == OBJECT_REVOKE ||
                                         stmt->object.verb == OBJECT_COMMENT);
}

static gboolean
check_others(const Reading *reading, GError **error)
{
    const GPtrArray *stmts = reading->ctx->script->stmts;

    for (guint i = 0; i < stmts->len; i++) {
        const Stmt *stmt = g_ptr_array_index(stmts, i);

        if (may_stand_beside(reading, stmt))
            continue;
        context_refuse(error, "put that statement into a migration of its own, after this one",
                       "%s uses table %s as well, which only takes plain indexes, privileges and comments before "
                       "complete",
                       stmt->place, reading->create->relation.name);
        return FALSE;
    }
    return TRUE;
}

static gboolean
read_all(Reading *reading, GError **error)
{
    return check_source(reading, error) && check_create(reading, error) && read_columns(reading, error) &&
           read_where(reading, error) && read_constraints(reading, error) && check_others(reading, error);
}

static Move *
begin_move(const Reading *reading)
{
    const PlanContext *ctx = reading->ctx;
    const RelName *name = &reading->insert->dml.relation;
    g_autofree char *stem = g_strdup_printf("%s_%s", ctx->plan->migration, name->name);
    Move *move = move_new(reading->source->schema, reading->source->name, context_schema_of(ctx, name), name->name);

    move->view_schema = g_strdup(ctx->script->version);
    move->own_schema = name_bounded("move", stem);
    return move;
}

VersionMove *
version_move_read(PlanContext *ctx, const Stmt *stmt, GError **error)
{
    g_autoptr(GPtrArray) tables = version_tables(ctx);
    Reading reading = {.ctx = ctx, .insert = stmt};
    g_autoptr(Move) move = NULL;
    const Target *target;
    VersionMove *made;

    ctx->offset = stmt->offset;
    if (!check_statement(&reading, error))
        return NULL;
    target = context_target_of(ctx, &stmt->dml.source, "r", error);
    if (target == NULL)
        return NULL;
    reading.source = target->table;
    reading.shape = reading.source != NULL ? version_find_table(tables, reading.source) : NULL;
    if (reading.shape == NULL) {
        context_refuse(error, AFTERWARDS, "table %s is made by this same file", stmt->dml.source.name);
        return NULL;
    }
    move = begin_move(&reading);
    reading.move = move;
    if (!read_all(&reading, error))
        return NULL;
    made = g_new0(VersionMove, 1);
    *made = (VersionMove){g_steal_pointer(&move), stmt, reading.source};
    return made;
}

gboolean
version_move_check(PlanContext *ctx, GError **error)
{
    VersionMove *move = version_move_read(ctx, ctx->stmt, error);

    if (move == NULL)
        return FALSE;
    version_move_free(move);
    return TRUE;
}
