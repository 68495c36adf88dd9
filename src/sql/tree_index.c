/*
 * CREATE INDEX and DROP INDEX.
 */
#include <string.h>

#include "base/sqltext.h"
#include "sql/tree.h"

static int
index_keyword_end(const Stmt *stmt, const Tokens *tokens)
{
    guint i = tokens_find(tokens, stmt->text, 0, "INDEX", 0);

    if (tokens_is(tokens, stmt->text, i + 1, "CONCURRENTLY"))
        i++;
    return i < tokens->tokens->len ? tokens_at(tokens, i)->end : 0;
}

/* How sure a name is: what a cast or a CASE gives by itself is weak and yields to what is inside (FigureColnameInternal
 * of src/backend/parser/parse_target.c). */
typedef enum NameStrength { NAME_NONE, NAME_WEAK, NAME_STRONG } NameStrength;

static NameStrength expression_name(const PgQuery__Node *node, const char **ret_name);

static NameStrength
last_name(size_t n, PgQuery__Node *const *parts, NameStrength strength, const char **ret_name)
{
    for (size_t i = n; i > 0; i--) {
        if (parts[i - 1]->node_case == PG_QUERY__NODE__NODE_STRING) {
            *ret_name = parts[i - 1]->string->sval;
            return strength;
        }
    }
    return NAME_NONE;
}

static NameStrength
fixed_name(const char *name, const char **ret_name)
{
    *ret_name = name;
    return NAME_STRONG;
}

static NameStrength
cast_name(const PgQuery__TypeCast *cast, const char **ret_name)
{
    NameStrength inner = expression_name(cast->arg, ret_name);

    if (inner > NAME_WEAK || cast->type_name == NULL)
        return inner;
    return last_name(cast->type_name->n_names, cast->type_name->names, NAME_WEAK, ret_name);
}

static NameStrength
case_name(const PgQuery__CaseExpr *expression, const char **ret_name)
{
    NameStrength inner = expression_name(expression->defresult, ret_name);

    if (inner > NAME_WEAK)
        return inner;
    *ret_name = "case";
    return NAME_WEAK;
}

/* The name PostgreSQL gives to an expression without one; NAME_NONE leaves `ret_name` alone. */
static NameStrength
expression_name(const PgQuery__Node *node, const char **ret_name)
{
    if (node == NULL)
        return NAME_NONE;
    switch (node->node_case) {
        case PG_QUERY__NODE__NODE_COLUMN_REF:
            return last_name(node->column_ref->n_fields, node->column_ref->fields, NAME_STRONG, ret_name);
        case PG_QUERY__NODE__NODE_FUNC_CALL:
            return last_name(node->func_call->n_funcname, node->func_call->funcname, NAME_STRONG, ret_name);
        case PG_QUERY__NODE__NODE_A_INDIRECTION: {
            const PgQuery__AIndirection *a = node->a_indirection;
            NameStrength field = last_name(a->n_indirection, a->indirection, NAME_STRONG, ret_name);

            return field != NAME_NONE ? field : expression_name(a->arg, ret_name);
        }
        case PG_QUERY__NODE__NODE_A_EXPR:
            return node->a_expr->kind == PG_QUERY__A__EXPR__KIND__AEXPR_NULLIF ? fixed_name("nullif", ret_name)
                                                                               : NAME_NONE;
        case PG_QUERY__NODE__NODE_TYPE_CAST:
            return cast_name(node->type_cast, ret_name);
        case PG_QUERY__NODE__NODE_COLLATE_CLAUSE:
            return expression_name(node->collate_clause->arg, ret_name);
        case PG_QUERY__NODE__NODE_CASE_EXPR:
            return case_name(node->case_expr, ret_name);
        case PG_QUERY__NODE__NODE_A_ARRAY_EXPR:
            return fixed_name("array", ret_name);
        case PG_QUERY__NODE__NODE_ROW_EXPR:
            return fixed_name("row", ret_name);
        case PG_QUERY__NODE__NODE_COALESCE_EXPR:
            return fixed_name("coalesce", ret_name);
        case PG_QUERY__NODE__NODE_MIN_MAX_EXPR:
            return fixed_name(node->min_max_expr->op == PG_QUERY__MIN_MAX_OP__IS_LEAST ? "least" : "greatest",
                              ret_name);
        default:
            return NAME_NONE;
    }
}

/* ChooseIndexColumnNames of src/backend/commands/indexcmds.c: a name that was used is numbered. */
static char *
unused_name(GHashTable *used, const char *name)
{
    char *candidate = g_strdup(name);

    for (unsigned number = 1; g_hash_table_contains(used, candidate); number++) {
        g_free(candidate);
        candidate = g_strdup_printf("%s%u", name, number);
    }
    g_hash_table_add(used, g_strdup(candidate));
    return candidate;
}

static void
add_element(GString *stem, GHashTable *used, Expr *uses, const PgQuery__IndexElem *element)
{
    const char *name = "expr";
    g_autofree char *chosen = NULL;

    if (element->name[0] != '\0')
        name = element->name;
    else
        expression_name(element->expr, &name);
    chosen = unused_name(used, name);
    if (stem->len > 0)
        g_string_append_c(stem, '_');
    g_string_append(stem, chosen);
    if (element->name[0] != '\0')
        g_ptr_array_add(uses->columns, g_strdup(element->name));
    tree_expr_add(uses, element->expr);
}

/* ... ON [ONLY] name [*] or ONLY (name): the offset after that. */
static int
table_end(const Stmt *stmt, const Tokens *tokens)
{
    guint i = tokens_find(tokens, stmt->text, 0, "ON", 0) + 1;
    gboolean is_parenthesised;

    if (tokens_is(tokens, stmt->text, i, "ONLY"))
        i++;
    is_parenthesised = tokens_is(tokens, stmt->text, i, "(");
    i += is_parenthesised ? 2 : 1;
    while (tokens_is(tokens, stmt->text, i, "."))
        i += 2;
    if (is_parenthesised || tokens_is(tokens, stmt->text, i, "*"))
        i++;
    return i > 0 && i <= tokens->tokens->len ? tokens_at(tokens, i - 1)->end : (int)strlen(stmt->text);
}

/* What pg_get_indexdef() would print after the table's name, if the index is of columns alone. */
static char *
plain_definition(const PgQuery__IndexStmt *tree)
{
    g_autoptr(GString) out = g_string_new(NULL);

    if (tree->where_clause != NULL || tree->n_index_including_params > 0 || tree->n_options > 0)
        return NULL;
    g_string_append_printf(out, "USING %s (", tree->access_method[0] != '\0' ? tree->access_method : "btree");
    for (size_t i = 0; i < tree->n_index_params; i++) {
        const PgQuery__IndexElem *element = tree->index_params[i]->index_elem;
        g_autofree char *name = sql_quote_ident(element->name);

        if (element->name[0] == '\0' || element->n_collation > 0 || element->n_opclass > 0 ||
            element->ordering == PG_QUERY__SORT_BY_DIR__SORTBY_DESC ||
            element->nulls_ordering == PG_QUERY__SORT_BY_NULLS__SORTBY_NULLS_FIRST)
            return NULL;
        g_string_append_printf(out, "%s%s", i > 0 ? ", " : "", name);
    }
    g_string_append_c(out, ')');
    return g_strdup(out->str);
}

void
tree_create_index(Stmt *stmt, const PgQuery__IndexStmt *tree, const Tokens *tokens)
{
    CreateIndexStmt *create = &stmt->create_index;
    GString *stem = g_string_new(NULL);
    g_autoptr(GHashTable) used = g_hash_table_new_full(g_str_hash, g_str_equal, g_free, NULL);

    create->relation = tree_rel_name(tree->relation);
    create->name = tree->idxname[0] != '\0' ? g_strdup(tree->idxname) : NULL;
    create->is_unique = tree->unique;
    create->is_concurrent = tree->concurrent;
    create->if_not_exists = tree->if_not_exists;
    create->is_only = !tree->relation->inh;
    create->index_end = index_keyword_end(stmt, tokens);
    create->table_end = table_end(stmt, tokens);
    create->plain = plain_definition(tree);
    tree_expr(&create->uses, NULL);
    for (size_t i = 0; i < tree->n_index_params; i++)
        add_element(stem, used, &create->uses, tree->index_params[i]->index_elem);
    for (size_t i = 0; i < tree->n_index_including_params; i++)
        add_element(stem, used, &create->uses, tree->index_including_params[i]->index_elem);
    tree_expr_add(&create->uses, tree->where_clause);
    create->column_stem = g_string_free(stem, FALSE);
}

static void
rel_name_free(gpointer data)
{
    RelName *name = data;

    g_free(name->schema);
    g_free(name->name);
    g_free(name);
}

void
tree_drop_index(Stmt *stmt, const PgQuery__DropStmt *tree, const Tokens *tokens)
{
    DropIndexStmt *drop = &stmt->drop_index;

    drop->names = g_ptr_array_new_with_free_func(rel_name_free);
    drop->if_exists = tree->missing_ok;
    drop->is_cascade = tree->behavior == PG_QUERY__DROP_BEHAVIOR__DROP_CASCADE;
    drop->is_concurrent = tree->concurrent;
    drop->index_end = index_keyword_end(stmt, tokens);
    for (size_t i = 0; i < tree->n_objects; i++) {
        const PgQuery__List *parts = tree->objects[i]->list;
        RelName *name = g_new0(RelName, 1);

        name->name = g_strdup(parts->items[parts->n_items - 1]->string->sval);
        if (parts->n_items > 1)
            name->schema = g_strdup(parts->items[parts->n_items - 2]->string->sval);
        g_ptr_array_add(drop->names, name);
    }
}
