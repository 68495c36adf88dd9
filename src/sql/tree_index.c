/*
 * CREATE INDEX and DROP INDEX.
 */
#include <string.h>

#include "sql/tree.h"

static int
index_keyword_end(const Stmt *stmt, const Tokens *tokens)
{
    guint i = tokens_find(tokens, stmt->text, 0, "INDEX", 0);

    if (tokens_is(tokens, stmt->text, i + 1, "CONCURRENTLY"))
        i++;
    return i < tokens->tokens->len ? tokens_at(tokens, i)->end : 0;
}

static void
add_element(GString *stem, Expr *uses, const PgQuery__IndexElem *element)
{
    if (stem != NULL) {
        if (stem->len > 0)
            g_string_append_c(stem, '_');
        g_string_append(stem, element->name[0] != '\0' ? element->name : "expr");
    }
    if (element->name[0] != '\0')
        g_ptr_array_add(uses->columns, g_strdup(element->name));
    tree_expr_add(uses, element->expr);
}

void
tree_create_index(Stmt *stmt, const PgQuery__IndexStmt *tree, const Tokens *tokens)
{
    CreateIndexStmt *create = &stmt->create_index;
    GString *stem = g_string_new(NULL);

    create->relation = tree_rel_name(tree->relation);
    create->name = tree->idxname[0] != '\0' ? g_strdup(tree->idxname) : NULL;
    create->is_unique = tree->unique;
    create->is_concurrent = tree->concurrent;
    create->if_not_exists = tree->if_not_exists;
    create->is_only = !tree->relation->inh;
    create->index_end = index_keyword_end(stmt, tokens);
    tree_expr(&create->uses, NULL);
    for (size_t i = 0; i < tree->n_index_params; i++)
        add_element(stem, &create->uses, tree->index_params[i]->index_elem);
    for (size_t i = 0; i < tree->n_index_including_params; i++)
        add_element(stem, &create->uses, tree->index_including_params[i]->index_elem);
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
