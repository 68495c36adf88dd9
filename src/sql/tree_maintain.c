/*
 * REINDEX and REFRESH MATERIALIZED VIEW.
 */
#include <string.h>

#include "sql/tree.h"

static ReindexKind
reindex_kind(PgQuery__ReindexObjectType kind)
{
    switch (kind) {
        case PG_QUERY__REINDEX_OBJECT_TYPE__REINDEX_OBJECT_INDEX:
            return REINDEX_INDEX;
        case PG_QUERY__REINDEX_OBJECT_TYPE__REINDEX_OBJECT_TABLE:
            return REINDEX_TABLE;
        case PG_QUERY__REINDEX_OBJECT_TYPE__REINDEX_OBJECT_SCHEMA:
            return REINDEX_SCHEMA;
        default:
            return REINDEX_SYSTEM;
    }
}

void
tree_reindex(Stmt *stmt, const PgQuery__ReindexStmt *tree)
{
    ReindexStmt *reindex = &stmt->reindex;

    reindex->kind = reindex_kind(tree->kind);
    reindex->relation = tree_rel_name(tree->relation);
    reindex->schema = tree->name[0] != '\0' ? g_strdup(tree->name) : NULL;
    for (size_t i = 0; i < tree->n_params; i++) {
        const char *name = tree->params[i]->def_elem->defname;

        if (strcmp(name, "concurrently") != 0 && strcmp(name, "verbose") != 0)
            reindex->unsupported = g_intern_string(name);
    }
}

void
tree_refresh(Stmt *stmt, const PgQuery__RefreshMatViewStmt *tree, const Tokens *tokens)
{
    RefreshStmt *refresh = &stmt->refresh;
    guint view = tokens_find(tokens, stmt->text, 0, "VIEW", 0);

    refresh->relation = tree_rel_name(tree->relation);
    refresh->is_concurrent = tree->concurrent;
    refresh->is_without_data = tree->skip_data;
    refresh->view_end = tokens_at(tokens, view)->end;
}
