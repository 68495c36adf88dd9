#include "sql/tokens.h"

#include <pg_query.h>
#include <pg_query/pg_query.pb-c.h>
#include <string.h>

static void
add_token(Tokens *tokens, const char *text, const PgQuery__ScanToken *scanned, int *depth)
{
    Token token = {.start = scanned->start, .end = scanned->end, .kind = (int)scanned->token, .depth = *depth};

    if (scanned->token == PG_QUERY__TOKEN__SQL_COMMENT) {
        Comment comment = {scanned->start, scanned->end};
        g_array_append_val(tokens->comments, comment);
        return;
    }
    if (scanned->token == PG_QUERY__TOKEN__C_COMMENT)
        return;
    if (strchr(")]", text[token.start]) != NULL)
        token.depth = --*depth;
    else if (strchr("([", text[token.start]) != NULL)
        (*depth)++;
    token.is_keyword = scanned->keyword_kind != PG_QUERY__KEYWORD_KIND__NO_KEYWORD;
    g_array_append_val(tokens->tokens, token);
}

gboolean
tokens_scan(Tokens *tokens, const char *text)
{
    PgQueryScanResult scan = pg_query_scan(text);
    gboolean ok = scan.error == NULL;
    int depth = 0;

    tokens->tokens = g_array_new(FALSE, FALSE, sizeof(Token));
    tokens->comments = g_array_new(FALSE, FALSE, sizeof(Comment));
    if (ok) {
        PgQuery__ScanResult *result =
            pg_query__scan_result__unpack(NULL, scan.pbuf.len, (const uint8_t *)scan.pbuf.data);

        for (size_t i = 0; i < result->n_tokens; i++)
            add_token(tokens, text, result->tokens[i], &depth);
        pg_query__scan_result__free_unpacked(result, NULL);
    }
    pg_query_free_scan_result(scan);
    return ok;
}

void
tokens_clear(Tokens *tokens)
{
    g_array_unref(tokens->tokens);
    g_array_unref(tokens->comments);
}

gboolean
tokens_is(const Tokens *tokens, const char *text, guint i, const char *word)
{
    const Token *token;
    gsize length = strlen(word);

    if (i >= tokens->tokens->len)
        return FALSE;
    token = tokens_at(tokens, i);
    return (gsize)(token->end - token->start) == length && g_ascii_strncasecmp(text + token->start, word, length) == 0;
}

guint
tokens_find(const Tokens *tokens, const char *text, guint from, const char *word, int depth)
{
    for (guint i = from; i < tokens->tokens->len; i++) {
        if (tokens_at(tokens, i)->depth == depth && tokens_is(tokens, text, i, word))
            return i;
    }
    return tokens->tokens->len;
}

char *
tokens_slice(const Tokens *tokens, const char *text, guint first, guint last)
{
    if (first >= last)
        return g_strdup("");
    return g_strndup(text + tokens_at(tokens, first)->start,
                     (gsize)(tokens_at(tokens, last - 1)->end - tokens_at(tokens, first)->start));
}

guint
tokens_item_end(const Tokens *tokens, const char *text, guint first, guint limit)
{
    int depth = tokens_at(tokens, first)->depth;

    for (guint i = first; i < limit; i++) {
        const Token *token = tokens_at(tokens, i);

        if (token->depth < depth || (token->depth == depth && text[token->start] == ','))
            return i;
    }
    return limit;
}
