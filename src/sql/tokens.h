/*
 * The scanner's view of one statement: where words begin and end, so that the user's text can be cut and spliced
 * without being printed anew. Private to sql/.
 *
 * Law: comments are not in the list; depth counts open parentheses and brackets before the token.
 */
#ifndef PGSEAM_SQL_TOKENS_H
#define PGSEAM_SQL_TOKENS_H

#include <glib.h>

typedef struct Token {
    int start; /* byte offset */
    int end;
    int kind; /* PgQuery__Token */
    int depth;
    gboolean is_keyword;
} Token;

typedef struct Comment {
    int start;
    int end;
} Comment;

typedef struct Tokens {
    GArray *tokens;   /* Token */
    GArray *comments; /* Comment: the "--" ones */
} Tokens;

/* Scan `text`. Returns FALSE if even the scanner gives up (an unterminated string); the list then is empty. */
gboolean tokens_scan(Tokens *tokens, const char *text);
void tokens_clear(Tokens *tokens);

/* Why the scanner gives up on `text`, and at which byte; NULL if it does not. The caller frees. */
char *tokens_complaint(const char *text, int *ret_offset);

/*
 * Split at the semicolons between statements: not within parentheses (CREATE RULE), not within BEGIN ATOMIC ... END.
 * Every token belongs to exactly one piece, so nothing is lost (libpg_query's own splitter drops what it does not
 * know). Returns the index after the end of the piece that begins at token `first`; the semicolon, if there is one, is
 * token end.
 */
guint tokens_piece_end(const Tokens *tokens, const char *text, guint first);

#define tokens_at(tokens_, i) (&g_array_index((tokens_)->tokens, Token, (i)))

/* Index of the first token from `from` on that spells `word` (any case) at `depth`; the number of tokens if there is
 * none. */
guint tokens_find(const Tokens *tokens, const char *text, guint from, const char *word, int depth);

/* TRUE if token `i` exists and spells `word` (any case). */
gboolean tokens_is(const Tokens *tokens, const char *text, guint i, const char *word);

/* The text from the start of token `first` to the end of token `last` - 1. The caller frees. */
char *tokens_slice(const Tokens *tokens, const char *text, guint first, guint last);

/* The index after the end of the item that begins at `first`: the next "," at the same depth, a closing parenthesis
 * below it, or `limit`. */
guint tokens_item_end(const Tokens *tokens, const char *text, guint first, guint limit);

#endif
