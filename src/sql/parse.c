#include "sql/parse.h"

#include <string.h>

#include "base/error.h"
#include "sql/tree.h"
#include "sql/tree_object.h"

/* Node kinds that have a typed form, and how it is filled. */
void
tree_fill_stmt(Stmt *stmt, const PgQuery__Node *node, const Tokens *tokens)
{
    stmt->kind = STMT_OTHER;
    switch (node->node_case) {
        case PG_QUERY__NODE__NODE_ALTER_TABLE_STMT:
            if (node->alter_table_stmt->objtype != PG_QUERY__OBJECT_TYPE__OBJECT_TABLE)
                break;
            stmt->kind = STMT_ALTER_TABLE;
            tree_alter_table(stmt, node->alter_table_stmt, tokens);
            break;
        case PG_QUERY__NODE__NODE_CREATE_STMT:
            stmt->kind = STMT_CREATE_TABLE;
            tree_create_table(stmt, node->create_stmt, tokens);
            break;
        case PG_QUERY__NODE__NODE_INDEX_STMT:
            stmt->kind = STMT_CREATE_INDEX;
            tree_create_index(stmt, node->index_stmt, tokens);
            break;
        case PG_QUERY__NODE__NODE_DROP_STMT:
            if (node->drop_stmt->remove_type != PG_QUERY__OBJECT_TYPE__OBJECT_INDEX)
                break;
            stmt->kind = STMT_DROP_INDEX;
            tree_drop_index(stmt, node->drop_stmt, tokens);
            break;
        case PG_QUERY__NODE__NODE_REINDEX_STMT:
            stmt->kind = STMT_REINDEX;
            tree_reindex(stmt, node->reindex_stmt);
            break;
        case PG_QUERY__NODE__NODE_REFRESH_MAT_VIEW_STMT:
            stmt->kind = STMT_REFRESH;
            tree_refresh(stmt, node->refresh_mat_view_stmt, tokens);
            break;
        case PG_QUERY__NODE__NODE_UPDATE_STMT:
            stmt->kind = STMT_UPDATE;
            tree_update(stmt, node->update_stmt, tokens);
            break;
        case PG_QUERY__NODE__NODE_DELETE_STMT:
            stmt->kind = STMT_DELETE;
            tree_delete(stmt, node->delete_stmt, tokens);
            break;
        case PG_QUERY__NODE__NODE_INSERT_STMT:
            stmt->kind = STMT_INSERT;
            tree_insert(stmt, node->insert_stmt, tokens);
            break;
        case PG_QUERY__NODE__NODE_TRANSACTION_STMT:
            stmt->kind = STMT_TRANSACTION;
            break;
        default:
            break;
    }
    if (stmt->kind == STMT_OTHER && !tree_create_object(stmt, node) && !tree_change_object(stmt, node, tokens))
        tree_utility(stmt, node);
}

/* The leading keywords of a statement, as people name it: "CREATE VIEW", "ALTER TYPE". */
static const char *
spelled_kind(const char *text, const Tokens *tokens)
{
    g_autoptr(GString) words = g_string_new(NULL);
    guint taken = 0;

    for (guint i = 0; i < tokens->tokens->len && taken < 3; i++) {
        g_autofree char *word = tokens_slice(tokens, text, i, i + 1);
        g_autofree char *upper = g_ascii_strup(word, -1);

        if (!tokens_at(tokens, i)->is_keyword)
            break;
        if (strcmp(upper, "OR") == 0 || strcmp(upper, "REPLACE") == 0)
            continue;
        g_string_append_printf(words, "%s%s", taken > 0 ? " " : "", upper);
        taken++;
        if (taken == 2 && strcmp(upper, "MATERIALIZED") != 0 && strcmp(upper, "FOREIGN") != 0)
            break;
    }
    return g_intern_string(words->len > 0 ? words->str : "statement");
}

/* Cut blanks, comments and what surrounds the statement; NULL where nothing is left (a lone semicolon). */
static Stmt *
stmt_of_slice(const char *source, int start, int end, Tokens *ret_tokens)
{
    g_autofree char *piece = g_strndup(source + start, (gsize)(end - start));
    Tokens tokens;
    Stmt *stmt = NULL;

    tokens_scan(&tokens, piece);
    if (tokens.tokens->len > 0) {
        stmt = g_new0(Stmt, 1);
        stmt->downs = g_ptr_array_new_with_free_func((GDestroyNotify)stmt_free);
        stmt->ups = g_ptr_array_new_with_free_func((GDestroyNotify)stmt_free);
        stmt->text = tokens_slice(&tokens, piece, 0, tokens.tokens->len);
        stmt->offset = start + tokens_at(&tokens, 0)->start;
        tokens_scan(ret_tokens, stmt->text);
        stmt->what = spelled_kind(stmt->text, ret_tokens);
    }
    tokens_clear(&tokens);
    return stmt;
}

/* The byte offset of the grammar's cursor, which counts characters from 1. */
static int
error_offset(const char *text, int cursor)
{
    return cursor > 0 ? (int)(g_utf8_offset_to_pointer(text, cursor - 1) - text) : 0;
}

static void
add_stmt(GPtrArray *stmts, const char *source, int start, int end, const PgQuery__Node *node)
{
    Tokens tokens = {NULL, NULL};
    Stmt *stmt = stmt_of_slice(source, start, end, &tokens);

    if (stmt == NULL)
        return;
    tree_fill_stmt(stmt, node, &tokens);
    tokens_clear(&tokens);
    g_ptr_array_add(stmts, stmt);
}

static void
add_parsed(GPtrArray *stmts, const char *source, const PgQueryProtobuf *buffer)
{
    PgQuery__ParseResult *tree = pg_query__parse_result__unpack(NULL, buffer->len, (const uint8_t *)buffer->data);

    for (size_t i = 0; i < tree->n_stmts; i++) {
        const PgQuery__RawStmt *raw = tree->stmts[i];
        int end = raw->stmt_len > 0 ? raw->stmt_location + raw->stmt_len : (int)strlen(source);

        add_stmt(stmts, source, raw->stmt_location, end, raw->stmt);
    }
    pg_query__parse_result__free_unpacked(tree, NULL);
}

/* One statement of a file that does not parse as a whole. */
static void
add_alone(GPtrArray *stmts, const char *source, int start, int end)
{
    Tokens tokens = {NULL, NULL};
    Stmt *stmt = stmt_of_slice(source, start, end, &tokens);
    PgQueryProtobufParseResult result;

    if (stmt == NULL)
        return;
    result = pg_query_parse_protobuf(stmt->text);
    if (result.error != NULL) {
        stmt->kind = STMT_UNKNOWN;
        stmt->what = g_intern_string(result.error->message);
        stmt->error_offset = stmt->offset + error_offset(stmt->text, result.error->cursorpos);
    } else {
        PgQuery__ParseResult *tree =
            pg_query__parse_result__unpack(NULL, result.parse_tree.len, (const uint8_t *)result.parse_tree.data);

        tree_fill_stmt(stmt, tree->stmts[0]->stmt, &tokens);
        pg_query__parse_result__free_unpacked(tree, NULL);
    }
    pg_query_free_protobuf_parse_result(result);
    tokens_clear(&tokens);
    g_ptr_array_add(stmts, stmt);
}

static gboolean
add_split(GPtrArray *stmts, const char *source, int *ret_error_offset, GError **error)
{
    g_autofree char *complaint = tokens_complaint(source, ret_error_offset);
    Tokens tokens;
    guint end;

    if (complaint != NULL) {
        seam_error_set(error, SEAM_ERROR_REFUSED, "%s", complaint);
        return FALSE;
    }
    tokens_scan(&tokens, source);
    for (guint first = 0; first < tokens.tokens->len; first = end + 1) {
        end = tokens_piece_end(&tokens, source, first);
        if (end > first)
            add_alone(stmts, source, tokens_at(&tokens, first)->start, tokens_at(&tokens, end - 1)->end);
    }
    tokens_clear(&tokens);
    return TRUE;
}

GPtrArray *
parse_source(const char *source, int *ret_error_offset, GError **error)
{
    g_autoptr(GPtrArray) stmts = g_ptr_array_new_with_free_func((GDestroyNotify)stmt_free);
    PgQueryProtobufParseResult result = pg_query_parse_protobuf(source);
    gboolean ok = TRUE;

    if (result.error == NULL)
        add_parsed(stmts, source, &result.parse_tree);
    else
        ok = add_split(stmts, source, ret_error_offset, error);
    pg_query_free_protobuf_parse_result(result);
    return ok ? g_steal_pointer(&stmts) : NULL;
}
