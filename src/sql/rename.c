#include "sql/rename.h"

#include <string.h>

#include "base/error.h"
#include "base/sqltext.h"
#include "sql/tree.h"

typedef struct Renaming {
    const char *text;
    GHashTable *names;
    Tokens tokens;
    GHashTable *at; /* start of a token -> its new name */
    gboolean is_unsure;
} Renaming;

/* The name that a token spells. The caller frees. */
static char *
spelled_name(const Renaming *renaming, guint i)
{
    char *text = tokens_slice(&renaming->tokens, renaming->text, i, i + 1);
    g_auto(GStrv) parts = NULL;
    size_t length = strlen(text);

    if (length < 2 || text[0] != '"')
        return text;
    text[length - 1] = '\0';
    parts = g_strsplit(text + 1, "\"\"", -1);
    g_free(text);
    return g_strjoinv("\"", parts);
}

static void
take(Renaming *renaming, int start, const char *name)
{
    const char *to = g_hash_table_lookup(renaming->names, name);

    if (to != NULL)
        g_hash_table_insert(renaming->at, GINT_TO_POINTER(start), (gpointer)to);
}

static gboolean
visit(gpointer data, const ProtobufCMessage *message)
{
    Renaming *renaming = data;
    const PgQuery__ColumnRef *ref = (const void *)message;

    if (message->descriptor != &pg_query__column_ref__descriptor)
        return TRUE;
    for (size_t i = 0; i < ref->n_fields; i++) {
        const char *name =
            ref->fields[i]->node_case == PG_QUERY__NODE__NODE_STRING ? ref->fields[i]->string->sval : NULL;

        if (name == NULL || !g_hash_table_contains(renaming->names, name))
            continue;
        if (ref->n_fields > 1)
            renaming->is_unsure = TRUE;
        else
            take(renaming, ref->location, name);
    }
    return FALSE;
}

/* The columns of a list whose parenthesis is the first from token `i` on; the tree keeps no places of them. */
static void
take_list(Renaming *renaming, guint i)
{
    const Tokens *tokens = &renaming->tokens;
    guint limit = tokens->tokens->len;

    while (i < limit && !tokens_is(tokens, renaming->text, i, "("))
        i++;
    for (i++; i < limit; i++) {
        guint end = tokens_item_end(tokens, renaming->text, i, limit);
        g_autofree char *name = spelled_name(renaming, i);

        if (!tokens_is(tokens, renaming->text, i + 1, "(") && !tokens_is(tokens, renaming->text, i + 1, "."))
            take(renaming, tokens_at(tokens, i)->start, name);
        i = end;
        if (!tokens_is(tokens, renaming->text, i, ","))
            return;
    }
}

static void
take_lists(Renaming *renaming)
{
    const Tokens *tokens = &renaming->tokens;
    const char *text = renaming->text;

    for (guint i = 0; i < tokens->tokens->len; i++) {
        gboolean is_action =
            tokens_is(tokens, text, i, "SET") && i + 2 < tokens->tokens->len && tokens_is(tokens, text, i + 2, "(");

        if (tokens_at(tokens, i)->depth != 0 || !tokens_at(tokens, i)->is_keyword)
            continue;
        if (tokens_is(tokens, text, i, "USING") || tokens_is(tokens, text, i, "INCLUDE") ||
            tokens_is(tokens, text, i, "FOREIGN") || is_action)
            take_list(renaming, i);
    }
}

static char *
joined(const Renaming *renaming)
{
    GString *out = g_string_new(NULL);
    int from = 0;

    for (guint i = 0; i < renaming->tokens.tokens->len; i++) {
        const Token *token = tokens_at(&renaming->tokens, i);
        const char *name = g_hash_table_lookup(renaming->at, GINT_TO_POINTER(token->start));
        g_autofree char *quoted = name != NULL ? sql_quote_ident(name) : NULL;

        if (name == NULL)
            continue;
        g_string_append_len(out, renaming->text + from, token->start - from);
        g_string_append(out, quoted);
        from = token->end;
    }
    g_string_append(out, renaming->text + from);
    return g_string_free(out, FALSE);
}

static gboolean
gather(Renaming *renaming, GError **error)
{
    PgQueryProtobufParseResult result = pg_query_parse_protobuf(renaming->text);
    gboolean ok = result.error == NULL;

    if (ok) {
        PgQuery__ParseResult *tree =
            pg_query__parse_result__unpack(NULL, result.parse_tree.len, (const uint8_t *)result.parse_tree.data);

        tree_walk(&tree->base, visit, renaming);
        pg_query__parse_result__free_unpacked(tree, NULL);
    }
    if (!ok || renaming->is_unsure)
        seam_error_set(error, SEAM_ERROR_REFUSED, "%s: %s",
                       ok ? "a qualified column cannot be told from another one" : result.error->message,
                       renaming->text);
    pg_query_free_protobuf_parse_result(result);
    return ok && !renaming->is_unsure;
}

char *
rename_columns(const char *statement, GHashTable *names, guint *ret_n, GError **error)
{
    g_autoptr(GHashTable) at = g_hash_table_new(NULL, NULL);
    Renaming renaming = {.text = statement, .names = names, .at = at};
    char *out = NULL;

    tokens_scan(&renaming.tokens, statement);
    if (gather(&renaming, error)) {
        take_lists(&renaming);
        *ret_n = g_hash_table_size(at);
        out = joined(&renaming);
    }
    tokens_clear(&renaming.tokens);
    return out;
}
