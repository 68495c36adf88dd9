#include "sql/directive.h"

#include <string.h>

#include "base/error.h"
#include "base/names.h"

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

static gboolean
is_plain_name(const char *text)
{
    if (!g_ascii_isalpha(text[0]) && text[0] != '_')
        return FALSE;
    for (const char *c = text; *c != '\0'; c++) {
        if (!g_ascii_isalnum(*c) && *c != '_' && *c != '$')
            return FALSE;
    }
    return TRUE;
}

/* `text` is a quoted identifier as a whole: without its quotes, or NULL. The caller frees. */
static char *
unquote(const char *text)
{
    gsize length = strlen(text);
    g_autoptr(GString) out = g_string_new(NULL);

    if (length < 3 || text[0] != '"' || text[length - 1] != '"')
        return NULL;
    for (const char *c = text + 1; c < text + length - 1; c++) {
        if (*c == '"' && (*++c != '"' || c == text + length - 1))
            return NULL;
        g_string_append_c(out, *c);
    }
    return g_string_free(g_steal_pointer(&out), FALSE);
}

/* A name that has to be cut would be another one than the application sets. */
gboolean
directive_is_version(const char *name)
{
    static const char *const reserved[] = {"public", "pgseam", "information_schema"};

    for (guint i = 0; i < G_N_ELEMENTS(reserved); i++) {
        if (strcmp(name, reserved[i]) == 0)
            return FALSE;
    }
    return name[0] != '\0' && !g_str_has_prefix(name, "pg_") && !g_str_has_prefix(name, "pgseam_") &&
           strlen(name) <= NAME_MAX_BYTES;
}

/* A name as in SQL: folded to lower case unless it is quoted. */
static gboolean
parse_version(const char *rest, Directive *ret, GError **error)
{
    g_autofree char *text = g_strchomp(g_strdup(rest));
    g_autofree char *name = is_plain_name(text) ? g_ascii_strdown(text, -1) : unquote(text);

    if (name != NULL && directive_is_version(name)) {
        ret->kind = DIRECTIVE_VERSION;
        ret->version = g_steal_pointer(&name);
        return TRUE;
    }
    seam_error_set(error, SEAM_ERROR_REFUSED, "this is no name for a version: %s", text);
    seam_error_hint(error,
                    "it becomes a schema: an identifier of at most %d bytes, in double quotes where it has other than "
                    "letters, digits and _, and none of PostgreSQL's or pgseam's own (public, pg_..., pgseam...)",
                    NAME_MAX_BYTES);
    return FALSE;
}

static gboolean
parse_on_error(const char *rest, Directive *ret, GError **error)
{
    static const struct {
        const char *text;
        gboolean guards_up, guards_down;
    } known[] = {{"reject", FALSE, FALSE},
                 {"quarantine", TRUE, TRUE},
                 {"quarantine up", TRUE, FALSE},
                 {"quarantine down", FALSE, TRUE}};
    g_auto(GStrv) words = g_strsplit_set(rest, " \t\r\n", -1);
    g_autoptr(GString) text = g_string_new(NULL);

    for (guint i = 0; words[i] != NULL; i++) {
        if (words[i][0] != '\0')
            g_string_append_printf(text, "%s%s", text->len > 0 ? " " : "", words[i]);
    }
    for (guint i = 0; i < G_N_ELEMENTS(known); i++) {
        if (g_ascii_strcasecmp(text->str, known[i].text) != 0)
            continue;
        *ret = (Directive){
            .kind = DIRECTIVE_ON_ERROR, .guards_up = known[i].guards_up, .guards_down = known[i].guards_down};
        return TRUE;
    }
    seam_error_set(error, SEAM_ERROR_REFUSED, "this is nothing to do on an error: %s", text->str);
    seam_error_hint(error, "known: on-error reject; on-error quarantine; on-error quarantine up; on-error quarantine "
                           "down");
    return FALSE;
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
    if (take_word(text, "version", &rest))
        return parse_version(rest, ret, error);
    if (take_word(text, "file", &rest) && rest[0] != '\0') {
        ret->kind = DIRECTIVE_FILE;
        ret->path = g_strchomp(g_strdup(rest));
        return TRUE;
    }
    if (take_word(text, "on-error", &rest))
        return parse_on_error(rest, ret, error);
    seam_error_set(error, SEAM_ERROR_REFUSED, "unknown directive: %s", text);
    seam_error_hint(error, "known: allow RULE because REASON; up COLUMN = EXPRESSION; down COLUMN = EXPRESSION; "
                           "version NAME; on-error reject; on-error quarantine");
    return FALSE;
}

void
directive_clear(Directive *directive)
{
    g_free(directive->rule);
    g_free(directive->reason);
    g_free(directive->set);
    g_free(directive->version);
    g_free(directive->path);
    memset(directive, 0, sizeof(*directive));
}
