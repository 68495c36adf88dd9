#include "sql/part.h"

#include <string.h>

#include "sql/directive.h"
#include "sql/tokens.h"

#define MARK "-- pgseam: file "

/* The semicolon ends a last statement that has none, the line break before it a last comment. */
void
part_append(GString *joined, const char *path, const char *text)
{
    const char *own = g_str_has_prefix(text, "\xEF\xBB\xBF") ? text + 3 : text;

    g_string_append_printf(joined, MARK "%s\n%s\n;\n", path, own);
}

static void
add_part(GArray *parts, const char *source, const Comment *comment)
{
    g_autofree char *text = g_strndup(source + comment->start, (gsize)(comment->end - comment->start));
    const char *end = strchr(source + comment->start, '\n');
    Directive directive;

    if (directive_parse(text, &directive, NULL) && directive.kind == DIRECTIVE_FILE && end != NULL) {
        ScriptPart part = {(int)(end + 1 - source), g_intern_string(directive.path)};

        g_array_append_val(parts, part);
    }
    directive_clear(&directive);
}

GArray *
parts_find(const char *source)
{
    GArray *parts;
    Tokens tokens;

    if (!g_str_has_prefix(source, MARK))
        return NULL;
    parts = g_array_new(FALSE, FALSE, sizeof(ScriptPart));
    tokens_scan(&tokens, source);
    for (guint i = 0; i < tokens.comments->len; i++)
        add_part(parts, source, &g_array_index(tokens.comments, Comment, i));
    tokens_clear(&tokens);
    if (parts->len == 0)
        g_clear_pointer(&parts, g_array_unref);
    return parts;
}

const ScriptPart *
part_at(const GArray *parts, int offset)
{
    guint i = parts->len - 1;

    while (i > 0 && g_array_index(parts, ScriptPart, i).start > offset)
        i--;
    return &g_array_index(parts, ScriptPart, i);
}
