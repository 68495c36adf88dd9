#include "sql/tokens.h"

#include <pg_query.h>
#include <pg_query/pg_query.pb-c.h>
#include <string.h>

/* libpg_query 15 ends U&'...' at its beginning and U&"..." behind the U (measured): the closing quote is found here. A
 * quote within is doubled, so the second half of a pair only begins the next turn of the loop. */
static int
unicode_escape_end(const char *text, int start, int end)
{
    char quote;
    const char *c;

    if (g_ascii_toupper(text[start]) != 'U' || text[start + 1] != '&' || strchr("'\"", text[start + 2]) == NULL ||
        text[start + 2] == '\0')
        return end;
    quote = text[start + 2];
    c = text + start + 3;
    while (*c != '\0' && (*c != quote || c[1] == quote))
        c += *c == quote ? 2 : 1;
    return MAX(end, (int)(c - text) + (*c == quote));
}

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
    token.end = unicode_escape_end(text, scanned->start, scanned->end);
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

char *
tokens_complaint(const char *text, int *ret_offset)
{
    PgQueryScanResult scan = pg_query_scan(text);
    char *complaint = NULL;

    if (scan.error != NULL) {
        int cursor = MAX(scan.error->cursorpos, 1);

        complaint = g_strdup(scan.error->message);
        *ret_offset = (int)(g_utf8_offset_to_pointer(text, MIN(cursor - 1, g_utf8_strlen(text, -1))) - text);
    }
    pg_query_free_scan_result(scan);
    return complaint;
}

/* In a body that began with BEGIN ATOMIC: how many END are still to come. CASE has one of its own. */
static int
body_depth(const Tokens *tokens, const char *text, guint i, int depth)
{
    if (depth == 0)
        return tokens_is(tokens, text, i, "BEGIN") && tokens_is(tokens, text, i + 1, "ATOMIC") ? 1 : 0;
    if (tokens_is(tokens, text, i, "CASE"))
        return depth + 1;
    return tokens_is(tokens, text, i, "END") ? depth - 1 : depth;
}

guint
tokens_piece_end(const Tokens *tokens, const char *text, guint first)
{
    int parentheses = 0;
    int body = 0;

    for (guint i = first; i < tokens->tokens->len; i++) {
        char c = text[tokens_at(tokens, i)->start];

        body = body_depth(tokens, text, i, body);
        if (strchr("([", c) != NULL)
            parentheses++;
        else if (strchr(")]", c) != NULL)
            parentheses = MAX(parentheses - 1, 0);
        else if (c == ';' && parentheses == 0 && body == 0)
            return i;
    }
    return tokens->tokens->len;
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
