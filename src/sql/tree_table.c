/*
 * ALTER TABLE and CREATE TABLE.
 */
#include <string.h>

#include "sql/tree.h"

RelName
tree_rel_name(const PgQuery__RangeVar *var)
{
    RelName name = {NULL, NULL};

    if (var == NULL)
        return name;
    name.schema = var->schemaname[0] != '\0' ? g_strdup(var->schemaname) : NULL;
    name.name = g_strdup(var->relname);
    return name;
}

static const char *const after_type[] = {"COLLATE", "COMPRESSION", "STORAGE",   "OPTIONS",    "CONSTRAINT",
                                         "NOT",     "NULL",        "DEFAULT",   "CHECK",      "UNIQUE",
                                         "PRIMARY", "REFERENCES",  "GENERATED", "DEFERRABLE", "INITIALLY"};

/* TRUE if token `i` is where the type or the default before it ends. A word after IS belongs to an expression
 * (IS NOT DISTINCT FROM). */
static gboolean
ends_part(const Tokens *tokens, const char *text, guint i)
{
    if (tokens_is(tokens, text, i - 1, "IS"))
        return FALSE;
    for (gsize k = 0; k < G_N_ELEMENTS(after_type); k++) {
        if (tokens_is(tokens, text, i, after_type[k]))
            return TRUE;
    }
    return FALSE;
}

/* The first such token from `from` on at `depth`; `last` if there is none. */
static guint
part_end(const Tokens *tokens, const char *text, guint from, guint last, int depth)
{
    for (guint i = from; i < last; i++) {
        if (tokens_at(tokens, i)->depth == depth && ends_part(tokens, text, i))
            return i;
    }
    return last;
}

/* The byte within the text at which the column constraint after `location` begins; G_MAXINT if it is the last. The
 * tree's locations count from where the parser began, the column's own tells how far that is from our text. */
static int
next_part(const PgQuery__ColumnDef *tree, int location, int base)
{
    int next = G_MAXINT;

    for (size_t i = 0; i < tree->n_constraints; i++) {
        const PgQuery__Constraint *constraint = tree->constraints[i]->constraint;

        if (constraint->location > location)
            next = MIN(next, constraint->location - base);
    }
    if (tree->coll_clause != NULL && tree->coll_clause->location > location)
        next = MIN(next, tree->coll_clause->location - base);
    return next;
}

/* DEFAULT expression, or CONSTRAINT name DEFAULT expression: the expression, up to the next part of the column. */
static char *
default_slice(const PgQuery__ColumnDef *tree, int location, const char *text, const Tokens *tokens, guint first,
              guint last)
{
    int base = tree->location - tokens_at(tokens, first)->start;
    int end = next_part(tree, location, base);
    guint begin = first;
    guint limit = first;

    while (limit < last && tokens_at(tokens, limit)->start < end)
        limit++;
    while (begin < limit &&
           (tokens_at(tokens, begin)->start < location - base || !tokens_is(tokens, text, begin, "DEFAULT")))
        begin++;
    return tokens_slice(tokens, text, begin + 1, limit);
}

void
tree_column_def(ColumnDef *column, const PgQuery__ColumnDef *tree, const char *text, const Tokens *tokens, guint first,
                guint last)
{
    guint type_end = part_end(tokens, text, MIN(first + 2, last), last, tokens_at(tokens, first)->depth);
    const PgQuery__TypeName *type = tree->type_name;

    column->name = g_strdup(tree->colname);
    column->type = tokens_slice(tokens, text, first + 1, type_end);
    if (type != NULL && type->n_names > 0 && type->names[type->n_names - 1]->node_case == PG_QUERY__NODE__NODE_STRING)
        column->type_name = g_strdup(type->names[type->n_names - 1]->string->sval);
    tree_expr(&column->default_value, NULL);
    for (size_t i = 0; i < tree->n_constraints; i++) {
        const PgQuery__Constraint *constraint = tree->constraints[i]->constraint;

        if (constraint->contype == PG_QUERY__CONSTR_TYPE__CONSTR_NOTNULL)
            column->is_not_null = TRUE;
        else if (constraint->contype == PG_QUERY__CONSTR_TYPE__CONSTR_DEFAULT) {
            tree_expr_add(&column->default_value, constraint->raw_expr);
            column->default_value.text = default_slice(tree, constraint->location, text, tokens, first, last);
        }
    }
    tree_inline_constraints(column, tree, text, tokens, first, last);
}

static const struct {
    PgQuery__AlterTableType type;
    AlterKind kind;
    const char *what;
} alter_kinds[] = {
    {PG_QUERY__ALTER_TABLE_TYPE__AT_AddColumn, ALTER_ADD_COLUMN, "ADD COLUMN"},
    {PG_QUERY__ALTER_TABLE_TYPE__AT_DropColumn, ALTER_DROP_COLUMN, "DROP COLUMN"},
    {PG_QUERY__ALTER_TABLE_TYPE__AT_SetNotNull, ALTER_SET_NOT_NULL, "SET NOT NULL"},
    {PG_QUERY__ALTER_TABLE_TYPE__AT_AttachPartition, ALTER_ATTACH_PARTITION, "ATTACH PARTITION"},
    {PG_QUERY__ALTER_TABLE_TYPE__AT_DetachPartition, ALTER_DETACH_PARTITION, "DETACH PARTITION"},
    {PG_QUERY__ALTER_TABLE_TYPE__AT_AddInherit, ALTER_INHERIT, "INHERIT"},
    {PG_QUERY__ALTER_TABLE_TYPE__AT_DropInherit, ALTER_NO_INHERIT, "NO INHERIT"},
    {PG_QUERY__ALTER_TABLE_TYPE__AT_DropNotNull, ALTER_DROP_NOT_NULL, "DROP NOT NULL"},
    {PG_QUERY__ALTER_TABLE_TYPE__AT_AddConstraint, ALTER_ADD_CONSTRAINT, "ADD CONSTRAINT"},
    {PG_QUERY__ALTER_TABLE_TYPE__AT_ValidateConstraint, ALTER_VALIDATE_CONSTRAINT, "VALIDATE CONSTRAINT"},
    {PG_QUERY__ALTER_TABLE_TYPE__AT_DropConstraint, ALTER_DROP_CONSTRAINT, "DROP CONSTRAINT"},
    {PG_QUERY__ALTER_TABLE_TYPE__AT_AlterColumnType, ALTER_COLUMN_TYPE, "ALTER COLUMN TYPE"},
};

/* "AT_AlterColumnType" reads well enough as a name for what has no recipe: the enum's own spelling, split at capitals.
 */
static const char *
spelled_type(PgQuery__AlterTableType type)
{
    const ProtobufCEnumValue *value =
        protobuf_c_enum_descriptor_get_value(&pg_query__alter_table_type__descriptor, (int)type);
    g_autoptr(GString) words = g_string_new(NULL);

    for (const char *c = value != NULL ? value->name + strlen("AT_") : "of an unknown kind"; *c != '\0'; c++) {
        if (g_ascii_isupper(*c) && words->len > 0)
            g_string_append_c(words, ' ');
        g_string_append_c(words, g_ascii_toupper(*c));
    }
    return g_intern_string(words->str);
}

static void
alter_cmd_kind(AlterCmd *cmd, const PgQuery__AlterTableCmd *tree)
{
    cmd->kind = ALTER_OTHER;
    if (tree->subtype == PG_QUERY__ALTER_TABLE_TYPE__AT_ColumnDefault) {
        cmd->kind = tree->def != NULL ? ALTER_SET_DEFAULT : ALTER_DROP_DEFAULT;
        cmd->what = tree->def != NULL ? "SET DEFAULT" : "DROP DEFAULT";
        return;
    }
    for (gsize i = 0; i < G_N_ELEMENTS(alter_kinds); i++) {
        if (alter_kinds[i].type == tree->subtype) {
            cmd->kind = alter_kinds[i].kind;
            cmd->what = alter_kinds[i].what;
            return;
        }
    }
    cmd->what = spelled_type(tree->subtype);
}

/* ADD [COLUMN] [IF NOT EXISTS] name ...: where the name stands. */
static guint
added_name(const Tokens *tokens, const char *text, guint first)
{
    guint i = first + 1;

    if (tokens_is(tokens, text, i, "COLUMN"))
        i++;
    if (tokens_is(tokens, text, i, "IF") && tokens_is(tokens, text, i + 1, "NOT"))
        i += 3;
    return i;
}

/* What follows a word of the subcommand, up to `last`. */
static guint
behind_word(const Tokens *tokens, const char *text, const char *word, guint first, guint last)
{
    while (first < last && !tokens_is(tokens, text, first, word))
        first++;
    return MIN(first + 1, last);
}

static gboolean
same_modifiers(const PgQuery__TypeName *a, const PgQuery__TypeName *b)
{
    if (a->n_typmods != b->n_typmods || a->n_array_bounds != b->n_array_bounds)
        return FALSE;
    for (size_t i = 0; i < a->n_typmods; i++) {
        g_autofree char *one = tree_literal(a->typmods[i]);
        g_autofree char *other = tree_literal(b->typmods[i]);

        if (one == NULL || g_strcmp0(one, other) != 0)
            return FALSE;
    }
    return TRUE;
}

static gboolean
same_type(const PgQuery__TypeName *a, const PgQuery__TypeName *b)
{
    if (a == NULL || b == NULL || a->n_names != b->n_names || !same_modifiers(a, b))
        return FALSE;
    for (size_t i = 0; i < a->n_names; i++) {
        if (a->names[i]->node_case != PG_QUERY__NODE__NODE_STRING ||
            b->names[i]->node_case != PG_QUERY__NODE__NODE_STRING ||
            strcmp(a->names[i]->string->sval, b->names[i]->string->sval) != 0)
            return FALSE;
    }
    return TRUE;
}

static gboolean
is_column(const PgQuery__Node *node, const char *name)
{
    const PgQuery__ColumnRef *ref =
        node != NULL && node->node_case == PG_QUERY__NODE__NODE_COLUMN_REF ? node->column_ref : NULL;

    return ref != NULL && ref->n_fields == 1 && ref->fields[0]->node_case == PG_QUERY__NODE__NODE_STRING &&
           strcmp(ref->fields[0]->string->sval, name) == 0;
}

/* Without USING PostgreSQL casts the column itself; anything else computes. */
static gboolean
is_plain_using(const char *column, const PgQuery__ColumnDef *tree)
{
    const PgQuery__Node *using = tree->raw_default;

    return using == NULL || is_column(using, column) ||
           (using->node_case == PG_QUERY__NODE__NODE_TYPE_CAST && is_column(using->type_cast->arg, column) &&
            same_type(using->type_cast->type_name, tree->type_name));
}

/* ALTER [COLUMN] name [SET DATA] TYPE type [COLLATE ..] [USING ..]. The first TYPE after the name is the keyword. */
static void
fill_type(AlterCmd *cmd, const PgQuery__ColumnDef *tree, const Stmt *stmt, const Tokens *tokens, guint first,
          guint last)
{
    guint name = first + (tokens_is(tokens, stmt->text, first + 1, "COLUMN") ? 2 : 1);
    guint type = behind_word(tokens, stmt->text, "TYPE", name + 1, last);
    guint end = type;

    while (end < last && !tokens_is(tokens, stmt->text, end, "COLLATE") && !tokens_is(tokens, stmt->text, end, "USING"))
        end++;
    cmd->definition.name = g_strdup(cmd->column);
    cmd->definition.type = tokens_slice(tokens, stmt->text, type, end);
    cmd->is_plain_using = is_plain_using(cmd->column, tree);
    if (tree->coll_clause != NULL)
        cmd->definition.base = g_strdup("COLLATE");
    if (tree->raw_default != NULL) {
        tree_expr_add(&cmd->default_value, tree->raw_default);
        cmd->default_value.text =
            tokens_slice(tokens, stmt->text, behind_word(tokens, stmt->text, "USING", end, last), last);
    }
}

static void
fill_details(AlterCmd *cmd, const PgQuery__AlterTableCmd *tree)
{
    const PgQuery__Node *def = tree->def;

    if (tree->newowner != NULL)
        cmd->other = g_strdup(tree->newowner->rolename);
    if (def == NULL)
        return;
    if (def->node_case == PG_QUERY__NODE__NODE_REPLICA_IDENTITY_STMT)
        cmd->other = g_strdup(def->replica_identity_stmt->name);
    if (def->node_case != PG_QUERY__NODE__NODE_LIST)
        return;
    for (size_t i = 0; i < def->list->n_items; i++) {
        const PgQuery__Node *item = def->list->items[i];

        if (item->node_case != PG_QUERY__NODE__NODE_DEF_ELEM)
            continue;
        g_ptr_array_add(cmd->names, item->def_elem->defnamespace[0] != '\0'
                                        ? g_strconcat(item->def_elem->defnamespace, ".", item->def_elem->defname, NULL)
                                        : g_strdup(item->def_elem->defname));
    }
}

static void
fill_cmd(AlterCmd *cmd, const PgQuery__AlterTableCmd *tree, const Stmt *stmt, const Tokens *tokens, guint first,
         guint last)
{
    alter_cmd_kind(cmd, tree);
    cmd->text = tokens_slice(tokens, stmt->text, first, last);
    cmd->offset = tokens_at(tokens, first)->start;
    cmd->if_exists = tree->missing_ok;
    cmd->is_cascade = tree->behavior == PG_QUERY__DROP_BEHAVIOR__DROP_CASCADE;
    cmd->column = g_strdup(tree->name);
    cmd->names = g_ptr_array_new_with_free_func(g_free);
    tree_expr(&cmd->default_value, NULL);
    fill_details(cmd, tree);
    if (cmd->kind == ALTER_ADD_COLUMN) {
        tree_column_def(&cmd->definition, tree->def->column_def, stmt->text, tokens,
                        added_name(tokens, stmt->text, first), last);
        g_free(cmd->column);
        cmd->column = g_strdup(cmd->definition.name);
    } else if (cmd->kind == ALTER_SET_DEFAULT) {
        tree_expr_add(&cmd->default_value, tree->def);
        cmd->default_value.text =
            tokens_slice(tokens, stmt->text, behind_word(tokens, stmt->text, "DEFAULT", first, last), last);
    } else if (cmd->kind == ALTER_ADD_CONSTRAINT)
        cmd->constraint = tree_constraint(tree->def->constraint, stmt->text, tokens, first + 1, last);
    else if (cmd->kind == ALTER_COLUMN_TYPE)
        fill_type(cmd, tree->def->column_def, stmt, tokens, first, last);
    else if (cmd->kind == ALTER_INHERIT || cmd->kind == ALTER_NO_INHERIT)
        cmd->partition = tree_rel_name(tree->def->range_var);
    else if (cmd->kind == ALTER_ATTACH_PARTITION || cmd->kind == ALTER_DETACH_PARTITION)
        tree_partition_cmd(cmd, tree->def->partition_cmd, stmt->text, tokens, first, last);
}

static void
column_def_free(gpointer data)
{
    stmt_column_def_clear(data);
    g_free(data);
}

static void
alter_cmd_free(gpointer data)
{
    AlterCmd *cmd = data;

    g_free(cmd->text);
    g_free(cmd->column);
    g_free(cmd->other);
    g_clear_pointer(&cmd->names, g_ptr_array_unref);
    stmt_column_def_clear(&cmd->definition);
    stmt_expr_clear(&cmd->default_value);
    stmt_constraint_free(cmd->constraint);
    g_free(cmd->partition.schema);
    g_free(cmd->partition.name);
    bound_clear(&cmd->bound);
    g_free(cmd);
}

/* ALTER TABLE [IF EXISTS] [ONLY] name [*] or ONLY (name): the index of the first subcommand's token. */
static guint
first_subcommand(const Stmt *stmt, const Tokens *tokens)
{
    gboolean is_parenthesised;
    guint i = 2;

    if (tokens_is(tokens, stmt->text, i, "IF") && tokens_is(tokens, stmt->text, i + 1, "EXISTS"))
        i += 2;
    if (tokens_is(tokens, stmt->text, i, "ONLY"))
        i++;
    is_parenthesised = tokens_is(tokens, stmt->text, i, "(");
    i += is_parenthesised ? 2 : 1;
    while (tokens_is(tokens, stmt->text, i, "."))
        i += 2;
    if (is_parenthesised || tokens_is(tokens, stmt->text, i, "*"))
        i++;
    return i;
}

void
tree_alter_table(Stmt *stmt, const PgQuery__AlterTableStmt *tree, const Tokens *tokens)
{
    AlterTableStmt *alter = &stmt->alter_table;
    guint at = first_subcommand(stmt, tokens);

    alter->relation = tree_rel_name(tree->relation);
    alter->if_exists = tree->missing_ok;
    alter->is_only = !tree->relation->inh;
    alter->cmds = g_ptr_array_new_with_free_func(alter_cmd_free);
    alter->head_length = at < tokens->tokens->len ? tokens_at(tokens, at)->start : (int)strlen(stmt->text);
    for (size_t i = 0; i < tree->n_cmds && at < tokens->tokens->len; i++) {
        AlterCmd *cmd = g_new0(AlterCmd, 1);
        guint end = tokens_item_end(tokens, stmt->text, at, tokens->tokens->len);

        fill_cmd(cmd, tree->cmds[i]->alter_table_cmd, stmt, tokens, at, end);
        g_ptr_array_add(alter->cmds, cmd);
        at = end + 1;
    }
}

static const char *
table_unsupported(const PgQuery__CreateStmt *tree)
{
    if (tree->of_typename != NULL)
        return "OF type";
    if (strcmp(tree->relation->relpersistence, "t") == 0)
        return "TEMPORARY";
    return NULL;
}

static void
add_element(CreateTableStmt *create, const PgQuery__Node *element, const char *text, const Tokens *tokens, guint first,
            guint last)
{
    if (element->node_case == PG_QUERY__NODE__NODE_COLUMN_DEF) {
        ColumnDef *column = g_new0(ColumnDef, 1);

        tree_column_def(column, element->column_def, text, tokens, first, last);
        g_ptr_array_add(create->columns, column);
    } else if (element->node_case == PG_QUERY__NODE__NODE_CONSTRAINT) {
        g_ptr_array_add(create->constraints, tree_constraint(element->constraint, text, tokens, first, last));
    } else if (element->node_case == PG_QUERY__NODE__NODE_TABLE_LIKE_CLAUSE) {
        RelName source = tree_rel_name(element->table_like_clause->relation);

        g_ptr_array_add(create->sources, g_memdup2(&source, sizeof(source)));
    }
}

void
tree_create_table(Stmt *stmt, const PgQuery__CreateStmt *tree, const Tokens *tokens)
{
    CreateTableStmt *create = &stmt->create_table;
    guint at = 0;

    create->relation = tree_rel_name(tree->relation);
    create->if_not_exists = tree->if_not_exists;
    create->is_unlogged = strcmp(tree->relation->relpersistence, "u") == 0;
    create->columns = g_ptr_array_new_with_free_func(column_def_free);
    create->constraints = g_ptr_array_new_with_free_func(stmt_constraint_free);
    create->sources = g_ptr_array_new_with_free_func(stmt_rel_name_free);
    create->elements = g_array_new(FALSE, FALSE, sizeof(Slice));
    tree_parents(stmt, tree, tokens);
    create->unsupported = table_unsupported(tree);
    while (at < tokens->tokens->len && tokens_at(tokens, at)->depth == 0)
        at++;
    for (size_t i = 0; i < tree->n_table_elts && at < tokens->tokens->len; i++) {
        guint end = tokens_item_end(tokens, stmt->text, at, tokens->tokens->len);

        Slice slice = {tokens_at(tokens, at)->start, tokens_at(tokens, end - 1)->end};

        add_element(create, tree->table_elts[i], stmt->text, tokens, at, end);
        g_array_append_val(create->elements, slice);
        at = end + 1;
    }
}
