/*
 * What a file makes the planner ask for.
 */
#include "plan/wishes.h"

#include "base/names.h"
#include "base/sqltext.h"
#include "plan/naming.h"
#include "plan/version.h"

static void
wish_relation(Wishes *wishes, const RelName *name)
{
    g_ptr_array_add(wishes->relations, sql_quote_name(name->schema, name->name));
}

static void
wish_expr(Wishes *wishes, const Expr *expr)
{
    for (guint i = 0; expr->functions != NULL && i < expr->functions->len; i++)
        g_ptr_array_add(wishes->functions, g_strdup(g_ptr_array_index(expr->functions, i)));
    for (guint i = 0; expr->operators != NULL && i < expr->operators->len; i++)
        g_ptr_array_add(wishes->functions, g_strdup(g_ptr_array_index(expr->operators, i)));
}

static void
wish_column(Wishes *wishes, const ColumnDef *column)
{
    if (column->type != NULL)
        g_ptr_array_add(wishes->types, g_strdup(column->type));
    wish_expr(wishes, &column->default_value);
}

static void
wish_candidate(Wishes *wishes, const RelName *table, char *name)
{
    g_ptr_array_add(wishes->candidates, g_strdup(table->schema));
    g_ptr_array_add(wishes->candidates, g_strdup(table->name));
    g_ptr_array_add(wishes->candidates, name);
}

/* From 18 on SET NOT NULL makes a constraint, with a name. */
static void
wish_not_null(Wishes *wishes, const RelName *table, const char *column)
{
    for (unsigned number = 0; number < CONSTRAINT_NAMES; number++)
        wish_candidate(wishes, table, name_default(table->name, column, "not_null", number));
}

/* What a constraint without a name may be called, in the order in which PostgreSQL tries; one with a name has only
 * that. */
static void
wish_constraint(Wishes *wishes, const RelName *table, const ConstraintDef *constraint)
{
    wish_expr(wishes, &constraint->check);
    for (guint i = 0; constraint->kind == CONSTRAINT_PRIMARY && i < constraint->columns->len; i++)
        wish_not_null(wishes, table, g_ptr_array_index(constraint->columns, i));
    if (constraint->other.name != NULL)
        wish_relation(wishes, &constraint->other);
    if (constraint->name != NULL)
        wish_candidate(wishes, table, g_strdup(constraint->name));
    for (unsigned number = 0; constraint->name == NULL && number < CONSTRAINT_NAMES; number++) {
        char *name = constraint_default_name(table->name, constraint, number);

        if (name != NULL)
            wish_candidate(wishes, table, name);
    }
}

static void
wish_added(Wishes *wishes, const RelName *table, const ColumnDef *column)
{
    wish_column(wishes, column);
    for (unsigned number = 0; number < CONSTRAINT_NAMES; number++)
        wish_candidate(wishes, table, name_default(table->name, column->name, "seq", number));
    wish_not_null(wishes, table, column->name);
    for (guint i = 0; i < column->constraints->len; i++)
        wish_constraint(wishes, table, g_ptr_array_index(column->constraints, i));
}

static void
wishes_of_alter(Wishes *wishes, const AlterTableStmt *alter)
{
    wish_relation(wishes, &alter->relation);
    for (guint i = 0; i < alter->cmds->len; i++) {
        const AlterCmd *cmd = g_ptr_array_index(alter->cmds, i);

        if (cmd->kind == ALTER_ADD_COLUMN)
            wish_added(wishes, &alter->relation, &cmd->definition);
        if (cmd->kind == ALTER_SET_NOT_NULL)
            wish_not_null(wishes, &alter->relation, cmd->column);
        if (cmd->kind == ALTER_COLUMN_TYPE)
            wish_column(wishes, &cmd->definition);
        if (cmd->partition.name != NULL)
            wish_relation(wishes, &cmd->partition);
        if (cmd->constraint != NULL)
            wish_constraint(wishes, &alter->relation, cmd->constraint);
        wish_expr(wishes, &cmd->default_value);
    }
}

static void
wishes_of_index(Wishes *wishes, const CreateIndexStmt *create)
{
    wish_relation(wishes, &create->relation);
    if (create->name != NULL) {
        wish_candidate(wishes, &create->relation, g_strdup(create->name));
        return;
    }
    for (unsigned number = 0; number < 10; number++)
        wish_candidate(wishes, &create->relation,
                       name_default_index(create->relation.name, create->column_stem, number));
}

static void
wishes_of_dml(Wishes *wishes, const DmlStmt *dml)
{
    wish_relation(wishes, &dml->relation);
    for (guint i = 0; i < dml->reads->len; i++)
        wish_relation(wishes, g_ptr_array_index(dml->reads, i));
    wish_expr(wishes, &dml->where);
    wish_expr(wishes, &dml->rest);
    for (guint i = 0; i < dml->assignments->len; i++)
        wish_expr(wishes, &((const Assignment *)g_ptr_array_index(dml->assignments, i))->value);
}

/* A table that is to be created may be there already under the schema it would go to: the planner compares qualified.
 */
static void
wishes_of_create(Wishes *wishes, const CreateTableStmt *create)
{
    wish_relation(wishes, &create->relation);
    for (guint i = 0; i < create->columns->len; i++)
        wish_added(wishes, &create->relation, g_ptr_array_index(create->columns, i));
    for (guint i = 0; i < create->constraints->len; i++)
        wish_constraint(wishes, &create->relation, g_ptr_array_index(create->constraints, i));
    for (guint i = 0; i < create->sources->len; i++)
        wish_relation(wishes, g_ptr_array_index(create->sources, i));
    for (guint i = 0; i < create->parents->len; i++)
        wish_relation(wishes, g_ptr_array_index(create->parents, i));
}

static void
wishes_of_stmt(Wishes *wishes, const Stmt *stmt)
{
    switch (stmt->kind) {
        case STMT_ALTER_TABLE:
            wishes_of_alter(wishes, &stmt->alter_table);
            break;
        case STMT_CREATE_TABLE:
            wishes_of_create(wishes, &stmt->create_table);
            break;
        case STMT_CREATE_INDEX:
            wishes_of_index(wishes, &stmt->create_index);
            break;
        case STMT_DROP_INDEX:
            for (guint i = 0; i < stmt->drop_index.names->len; i++)
                wish_relation(wishes, g_ptr_array_index(stmt->drop_index.names, i));
            break;
        case STMT_REINDEX:
            if (stmt->reindex.relation.name != NULL)
                wish_relation(wishes, &stmt->reindex.relation);
            else if (stmt->reindex.kind == REINDEX_SCHEMA)
                g_ptr_array_add(wishes->schemas, g_strdup(stmt->reindex.schema));
            break;
        case STMT_REFRESH:
            wish_relation(wishes, &stmt->refresh.relation);
            break;
        case STMT_UPDATE:
        case STMT_DELETE:
        case STMT_INSERT:
            wishes_of_dml(wishes, &stmt->dml);
            break;
        case STMT_OBJECT:
            wishes_of_object(wishes, &stmt->object);
            break;
        case STMT_UTILITY:
            wishes_of_utility(wishes, &stmt->utility);
            break;
        default:
            break;
    }
}

/* Those of directives. */
static void
wish_assignments(Wishes *wishes, const GPtrArray *updates)
{
    for (guint i = 0; i < updates->len; i++) {
        const DmlStmt *update = &((const Stmt *)g_ptr_array_index(updates, i))->dml;

        wish_expr(wishes, &((const Assignment *)g_ptr_array_index(update->assignments, 0))->value);
    }
}

/* A version's view stands for the table under its new name, or with a column's. */
static void
wish_renamed(Wishes *wishes, const ObjectStmt *stmt)
{
    RelName name = {NULL, NULL};

    if (version_renamed(stmt, &name))
        wish_relation(wishes, &name);
}

void
wishes_of_script(Wishes *wishes, const Script *script)
{
    wishes->relations = g_ptr_array_new_with_free_func(g_free);
    wishes->functions = g_ptr_array_new_with_free_func(g_free);
    wishes->types = g_ptr_array_new_with_free_func(g_free);
    wishes->objects = g_ptr_array_new_with_free_func(g_free);
    wishes->candidates = g_ptr_array_new_with_free_func(g_free);
    wishes->schemas = g_ptr_array_new_with_free_func(g_free);
    wishes->version = g_strdup(script->version);
    wishes->pins = script->version != NULL && script->pins_all;
    for (guint i = 0; i < script->stmts->len; i++) {
        const Stmt *stmt = g_ptr_array_index(script->stmts, i);

        wishes_of_stmt(wishes, stmt);
        if (script->version != NULL && stmt->kind == STMT_OBJECT)
            wish_renamed(wishes, &stmt->object);
        wish_assignments(wishes, stmt->downs);
        wish_assignments(wishes, stmt->ups);
    }
}

void
wishes_clear(Wishes *wishes)
{
    g_ptr_array_unref(wishes->relations);
    g_ptr_array_unref(wishes->functions);
    g_ptr_array_unref(wishes->types);
    g_ptr_array_unref(wishes->objects);
    g_ptr_array_unref(wishes->candidates);
    g_ptr_array_unref(wishes->schemas);
    g_free(wishes->version);
}
