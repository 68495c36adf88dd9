#include "sql/query.h"

#include "base/error.h"
#include "sql/tree.h"

static const struct {
    const ProtobufCMessageDescriptor *descriptor;
    const char *what;
} forbidden[] = {
    {&pg_query__into_clause__descriptor, "INTO makes a table"},
    {&pg_query__locking_clause__descriptor, "FOR UPDATE and FOR SHARE lock rows"},
    {&pg_query__insert_stmt__descriptor, "a WITH query changes data"},
    {&pg_query__update_stmt__descriptor, "a WITH query changes data"},
    {&pg_query__delete_stmt__descriptor, "a WITH query changes data"},
    {&pg_query__merge_stmt__descriptor, "a WITH query changes data"},
    {&pg_query__param_ref__descriptor, "nothing is passed for a parameter ($1)"},
};

static gboolean
find_forbidden(gpointer data, const ProtobufCMessage *message)
{
    const char **what = data;

    for (guint i = 0; i < G_N_ELEMENTS(forbidden); i++) {
        if (forbidden[i].descriptor == message->descriptor)
            *what = forbidden[i].what;
    }
    return TRUE;
}

/* Why it may not be, NULL if it may. */
static const char *
complaint_of(const PgQuery__ParseResult *tree)
{
    const char *what = NULL;

    if (tree->n_stmts != 1)
        return "it is not one statement";
    if (tree->stmts[0]->stmt->node_case != PG_QUERY__NODE__NODE_SELECT_STMT)
        return "it is no SELECT";
    tree_walk((const ProtobufCMessage *)tree->stmts[0], find_forbidden, &what);
    return what;
}

static char *
trimmed(const char *source)
{
    Tokens tokens;
    char *text;
    guint end;

    tokens_scan(&tokens, source);
    end = tokens.tokens->len;
    while (end > 0 && source[tokens_at(&tokens, end - 1)->start] == ';')
        end--;
    text = tokens_slice(&tokens, source, 0, end);
    tokens_clear(&tokens);
    return text;
}

char *
query_read(const char *source, GError **error)
{
    PgQueryProtobufParseResult result;
    PgQuery__ParseResult *tree;
    const char *complaint;

    if (!g_utf8_validate(source, -1, NULL)) {
        seam_error_set(error, SEAM_ERROR_REFUSED, "a query that is no UTF-8 cannot be read");
        return NULL;
    }
    result = pg_query_parse_protobuf(source);
    if (result.error != NULL) {
        seam_error_set(error, SEAM_ERROR_REFUSED, "the query is not understood: %s", result.error->message);
        seam_error_detail(error, "%s", source);
        seam_error_hint(error, "what a newer server knows and this grammar does not may stand in a view");
        pg_query_free_protobuf_parse_result(result);
        return NULL;
    }
    tree = pg_query__parse_result__unpack(NULL, result.parse_tree.len, (const uint8_t *)result.parse_tree.data);
    pg_query_free_protobuf_parse_result(result);
    complaint = complaint_of(tree);
    pg_query__parse_result__free_unpacked(tree, NULL);
    if (complaint == NULL)
        return trimmed(source);
    seam_error_set(error, SEAM_ERROR_REFUSED, "a query for a comparison only reads, and this one may not be: %s",
                   complaint);
    seam_error_detail(error, "%s", source);
    return NULL;
}
