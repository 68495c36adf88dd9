#include "sql/directive.h"

#include <string.h>

#include "base/error.h"

static const char *
after_space(const char *text)
{
    while (g_ascii_isspace(*text))
        text++;
    return text;
}

/* "word rest": TRUE and `ret_rest` behind the word and its space, if `text` begins with it. */
static gboolean
take_word(const char *text, const char *word, const char **ret_rest)
{
    gsize length = strlen(word);

    if (g_ascii_strncasecmp(text, word, length) != 0 || (text[length] != '\0' && !g_ascii_isspace(text[length])))
        return FALSE;
    *ret_rest = after_space(text + length);
    return TRUE;
}

static gboolean
parse_allow(const char *text, Directive *ret, GError **error)
{
    gsize length = strcspn(text, " \t\r\n");
    const char *reason = after_space(text + length);

    if (length == 0 || !take_word(reason, "because", &reason) || reason[0] == '\0') {
        seam_error_set(error, SEAM_ERROR_REFUSED, "the directive \"allow\" names a rule and a reason");
        seam_error_hint(error, "-- pgseam: allow opaque because it only touches a table of our own");
        return FALSE;
    }
    ret->kind = DIRECTIVE_ALLOW;
    ret->rule = g_strndup(text, length);
    ret->reason = g_strchomp(g_strdup(reason));
    return TRUE;
}

gboolean
directive_parse(const char *comment, Directive *ret, GError **error)
{
    const char *text = comment;
    const char *rest;

    memset(ret, 0, sizeof(*ret));
    while (*text == '-')
        text++;
    text = after_space(text);
    if (g_ascii_strncasecmp(text, "pgseam:", strlen("pgseam:")) != 0)
        return TRUE;
    text = after_space(text + strlen("pgseam:"));
    if (take_word(text, "allow", &rest))
        return parse_allow(rest, ret, error);
    if (take_word(text, "up", &rest) && rest[0] != '\0') {
        ret->kind = DIRECTIVE_UP;
        ret->set = g_strchomp(g_strdup(rest));
        return TRUE;
    }
    if (take_word(text, "down", &rest) && rest[0] != '\0') {
        ret->kind = DIRECTIVE_DOWN;
        ret->set = g_strchomp(g_strdup(rest));
        return TRUE;
    }
    seam_error_set(error, SEAM_ERROR_REFUSED, "unknown directive: %s", text);
    seam_error_hint(error, "known: allow RULE because REASON; up COLUMN = EXPRESSION; down COLUMN = EXPRESSION");
    return FALSE;
}

void
directive_clear(Directive *directive)
{
    g_free(directive->rule);
    g_free(directive->reason);
    g_free(directive->set);
    memset(directive, 0, sizeof(*directive));
}
