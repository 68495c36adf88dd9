#include "sql/script.h"

#include <string.h>

#include "base/error.h"
#include "sql/directive.h"
#include "sql/parse.h"
#include "sql/part.h"
#include "sql/tokens.h"

void
script_position(const char *source, int offset, int *ret_line, int *ret_column)
{
    int line = 1;
    const char *line_start = source;

    for (const char *c = source; c < source + offset; c++) {
        if (*c == '\n') {
            line++;
            line_start = c + 1;
        }
    }
    *ret_line = line;
    *ret_column = (int)g_utf8_strlen(line_start, source + offset - line_start) + 1;
}

/* The same within the file that the offset is in; NULL: the script has only one. */
static const char *
position_in_file(const Script *script, int offset, int *ret_line, int *ret_column)
{
    const ScriptPart *part = script->parts != NULL ? part_at(script->parts, offset) : NULL;
    int start = part != NULL ? MIN(part->start, offset) : 0;

    script_position(script->source + start, offset - start, ret_line, ret_column);
    return part != NULL ? part->path : NULL;
}

/* The caret's line: blanks for each character before it, tabs kept, so that it stands under its column in any terminal.
 */
static void
append_caret(GString *out, const char *line_start, const char *at)
{
    for (const char *c = line_start; c < at; c = g_utf8_next_char(c)) {
        gunichar character = g_utf8_get_char(c);

        if (*c == '\t')
            g_string_append_c(out, '\t');
        else
            g_string_append(out, g_unichar_iswide(character) ? "  " : g_unichar_iszerowidth(character) ? "" : " ");
    }
    g_string_append_c(out, '^');
}

char *
script_excerpt(const Script *script, int offset)
{
    GString *out = g_string_new(NULL);
    const char *at = script->source + offset;
    const char *line_start = at;
    int line;
    int column;
    const char *file = position_in_file(script, offset, &line, &column);

    while (line_start > script->source && line_start[-1] != '\n')
        line_start--;
    g_string_append_printf(out, "%s:%d:%d\n", file != NULL ? file : script->path, line, column);
    g_string_append_len(out, line_start, (gssize)strcspn(line_start, "\r\n"));
    g_string_append_c(out, '\n');
    append_caret(out, line_start, at);
    return g_string_free(out, FALSE);
}

static void
place_error(const Script *script, int offset, GError **error)
{
    g_autofree char *excerpt = script_excerpt(script, offset);

    seam_error_detail(error, "%s", excerpt);
}

/* The statement that a directive stands above: the first one that begins after it. Its place must be clear. */
static Stmt *
stmt_below(const Script *script, const Comment *comment, GError **error)
{
    Stmt *previous = NULL;
    int line;
    int column;
    int end_line;

    for (guint i = 0; i < script->stmts->len; i++) {
        Stmt *stmt = g_ptr_array_index(script->stmts, i);

        if (stmt->offset > comment->start) {
            if (previous == NULL)
                return stmt;
            script_position(script->source, comment->start, &line, &column);
            script_position(script->source, previous->offset + (int)strlen(previous->text), &end_line, &column);
            if (line > end_line && previous->offset + (int)strlen(previous->text) <= comment->start)
                return stmt;
            break;
        }
        previous = stmt;
    }
    seam_error_set(error, SEAM_ERROR_REFUSED, "this directive does not stand above a statement");
    seam_error_hint(error, "put it on a line of its own above the statement it is about");
    return NULL;
}

static void
replace(char **text, const char *by)
{
    g_free(*text);
    *text = g_strdup(by);
}

static gboolean
is_assignment(const Stmt *stmt)
{
    return stmt->kind == STMT_UPDATE && stmt->dml.assignments->len == 1 && stmt->dml.where.text == NULL &&
           stmt->dml.from == NULL && stmt->dml.unsupported == NULL &&
           ((const Assignment *)g_ptr_array_index(stmt->dml.assignments, 0))->is_simple;
}

static gboolean
add_assignment(GPtrArray *updates, const char *set)
{
    g_autofree char *text = g_strconcat("UPDATE t SET ", set, NULL);
    int offset = 0;
    g_autoptr(GPtrArray) stmts = parse_source(text, &offset, NULL);

    if (stmts == NULL || stmts->len != 1 || !is_assignment(g_ptr_array_index(stmts, 0)))
        return FALSE;
    g_ptr_array_add(updates, g_ptr_array_steal_index(stmts, 0));
    return TRUE;
}

/* What is no assignment is told by whoever reads it. */
static void
set_up(Stmt *stmt, const char *set)
{
    replace(&stmt->up, set);
    add_assignment(stmt->ups, set);
}

static gboolean
add_down(Stmt *stmt, const char *set, GError **error)
{
    if (add_assignment(stmt->downs, set))
        return TRUE;
    seam_error_set(error, SEAM_ERROR_REFUSED, "this is not an assignment: %s", set);
    seam_error_hint(error, "write it as: -- pgseam: down column = expression");
    return FALSE;
}

static gboolean
apply_to(Stmt *stmt, const Directive *directive, GError **error)
{
    if (directive->kind == DIRECTIVE_UP && stmt->up != NULL) {
        seam_error_set(error, SEAM_ERROR_REFUSED, "a second directive \"up\" above one statement");
        seam_error_hint(error, "write a statement of its own for each column");
        return FALSE;
    }
    if (directive->kind == DIRECTIVE_UP)
        set_up(stmt, directive->set);
    else if (directive->kind == DIRECTIVE_DOWN)
        return add_down(stmt, directive->set, error);
    else if (strcmp(directive->rule, "opaque") == 0)
        replace(&stmt->consent, directive->reason);
    else if (strcmp(directive->rule, "one-way") == 0)
        replace(&stmt->one_way, directive->reason);
    else {
        seam_error_set(error, SEAM_ERROR_REFUSED, "there is no rule \"%s\" to allow", directive->rule);
        seam_error_hint(error, "known rules: opaque, one-way");
        return FALSE;
    }
    return TRUE;
}

/* Whether a statement of the comment's own file stands before it. */
static gboolean
is_behind_stmt(const Script *script, const Comment *comment)
{
    const ScriptPart *part = script->parts != NULL ? part_at(script->parts, comment->start) : NULL;

    for (guint i = 0; i < script->stmts->len; i++) {
        const Stmt *stmt = g_ptr_array_index(script->stmts, i);

        if (stmt->offset < comment->start && (part == NULL || part_at(script->parts, stmt->offset) == part))
            return TRUE;
    }
    return FALSE;
}

/* Each of several files may name it, since all of them make one. */
static gboolean
set_version(Script *script, const Comment *comment, const char *name, GError **error)
{
    if (is_behind_stmt(script, comment) || (script->version != NULL && script->parts == NULL)) {
        seam_error_set(error, SEAM_ERROR_REFUSED, "the directive \"version\" stands once, above the first statement");
        seam_error_hint(error, "a migration makes one version; put the other into a migration of its own");
        return FALSE;
    }
    if (script->version != NULL && strcmp(script->version, name) != 0) {
        seam_error_set(error, SEAM_ERROR_REFUSED,
                       "an earlier file makes version \"%s\": each version has a gate of its own", script->version);
        seam_error_hint(error, "give both the same version, or let each be a migration of its own");
        return FALSE;
    }
    if (script->version == NULL)
        script->version = g_strdup(name);
    return TRUE;
}

/* Read already, where it may stand. */
static gboolean
check_file_mark(const Script *script, GError **error)
{
    if (script->parts != NULL)
        return TRUE;
    seam_error_set(error, SEAM_ERROR_REFUSED,
                   "the directive \"file\" is written by pgseam alone, where it joins files");
    seam_error_hint(error, "take the line out");
    return FALSE;
}

/* The file of a joined text that the offset is in; NULL: the text is one file. */
static ScriptPart *
own_part(const Script *script, int offset)
{
    return script->parts != NULL ? (ScriptPart *)part_at(script->parts, offset) : NULL;
}

/* Each of several files may say it, since it holds for all of them; then all say the same. */
static gboolean
check_on_error(const Script *script, const Comment *comment, const Directive *directive, GError **error)
{
    const ScriptPart *part = own_part(script, comment->start);

    if (is_behind_stmt(script, comment) || (part != NULL ? part->has_on_error : script->has_on_error)) {
        seam_error_set(error, SEAM_ERROR_REFUSED, "the directive \"on-error\" stands once, above the first statement");
        seam_error_hint(error, "it holds for all of the file; put what needs another into a migration of its own");
        return FALSE;
    }
    if (script->version == NULL) {
        seam_error_set(error, SEAM_ERROR_REFUSED, "the directive \"on-error\" is for a file that makes a version");
        seam_error_hint(error, "put it below the line -- pgseam: version NAME");
        return FALSE;
    }
    if (script->has_on_error &&
        (script->guards_up != directive->guards_up || script->guards_down != directive->guards_down)) {
        seam_error_set(error, SEAM_ERROR_REFUSED, "an earlier file has another \"on-error\": a migration has one");
        seam_error_hint(error, "give both the same, or let each be a migration of its own");
        return FALSE;
    }
    return TRUE;
}

static gboolean
set_on_error(Script *script, const Comment *comment, const Directive *directive, GError **error)
{
    ScriptPart *part = own_part(script, comment->start);

    if (!check_on_error(script, comment, directive, error))
        return FALSE;
    if (part != NULL)
        part->has_on_error = TRUE;
    script->has_on_error = TRUE;
    script->guards_up = directive->guards_up;
    script->guards_down = directive->guards_down;
    return TRUE;
}

/* A file that says nothing means that rows which cannot be computed are refused: what another one says is not for it.
 */
static gboolean
check_silent_parts(const Script *script, GError **error)
{
    if (script->parts == NULL || (!script->guards_up && !script->guards_down))
        return TRUE;
    for (guint i = 0; i < script->stmts->len; i++) {
        const Stmt *stmt = g_ptr_array_index(script->stmts, i);

        if ((stmt->up == NULL && stmt->downs->len == 0) || own_part(script, stmt->offset)->has_on_error)
            continue;
        seam_error_set(error, SEAM_ERROR_REFUSED,
                       "another file puts rows on which \"up\" or \"down\" fails into quarantine, this one does not");
        seam_error_hint(error, "give both the same \"on-error\", or let each be a migration of its own");
        place_error(script, stmt->offset, error);
        return FALSE;
    }
    return TRUE;
}

static gboolean
apply_directive(Script *script, const Comment *comment, GError **error)
{
    g_autofree char *text = g_strndup(script->source + comment->start, (gsize)(comment->end - comment->start));
    Directive directive;
    gboolean ok = directive_parse(text, &directive, error);

    if (ok && directive.kind == DIRECTIVE_VERSION) {
        ok = set_version(script, comment, directive.version, error);
    } else if (ok && directive.kind == DIRECTIVE_FILE) {
        ok = check_file_mark(script, error);
    } else if (ok && directive.kind == DIRECTIVE_ON_ERROR) {
        ok = set_on_error(script, comment, &directive, error);
    } else if (ok && directive.kind != DIRECTIVE_NONE) {
        Stmt *stmt = stmt_below(script, comment, error);

        ok = stmt != NULL && apply_to(stmt, &directive, error);
    }
    directive_clear(&directive);
    if (!ok)
        place_error(script, comment->start, error);
    return ok;
}

static gboolean
apply_directives(Script *script, GError **error)
{
    Tokens tokens;
    gboolean ok = TRUE;

    tokens_scan(&tokens, script->source);
    for (guint i = 0; ok && i < tokens.comments->len; i++)
        ok = apply_directive(script, &g_array_index(tokens.comments, Comment, i), error);
    tokens_clear(&tokens);
    return ok && check_silent_parts(script, error);
}

/* psql's commands, and what does the same here. */
static const struct {
    const char *command;
    const char *hint;
} meta_commands[] = {
    {"\\.", "it ends the rows of a COPY, which do not go through a migration: load them before or after with psql"},
    {"\\copy", "the rows of a COPY do not go through a migration: load them before or after with psql"},
    {"\\c", "one migration is for one database: name it with -d"},
    {"\\set", "write the value where it is used"},
    {"\\unset", "take the line out"},
    {"\\i", "give the file that it includes as a migration of its own, to run before this one"},
    {"\\echo", "take the line out"},
    {"\\timing", "take the line out: `pgseam status` tells the times"},
    {"\\if", "a migration is the same each time: write what shall run"},
    {"\\g", "end the statement with a semicolon"},
    {"\\restrict", "take the lines \\restrict and \\unrestrict out: pg_dump wrote them for psql"},
    {"\\unrestrict", "take the lines \\restrict and \\unrestrict out: pg_dump wrote them for psql"},
};

static const char *
meta_hint(const char *at)
{
    const char *hint = "take the line out; what it includes can be a migration of its own";
    gsize longest = 0;

    for (gsize i = 0; i < G_N_ELEMENTS(meta_commands); i++) {
        gsize length = strlen(meta_commands[i].command);

        if (length > longest && g_ascii_strncasecmp(at, meta_commands[i].command, length) == 0) {
            longest = length;
            hint = meta_commands[i].hint;
        }
    }
    return hint;
}

/* The rows behind COPY ... FROM stdin are no SQL: one refusal, at the COPY. */
static gboolean
check_copy(const Script *script, GError **error)
{
    for (guint i = 0; i < script->stmts->len; i++) {
        const Stmt *stmt = g_ptr_array_index(script->stmts, i);

        if (stmt->kind != STMT_UTILITY || !stmt->utility.is_stdin)
            continue;
        seam_error_set(error, SEAM_ERROR_REFUSED, "the rows of COPY ... FROM stdin are no SQL");
        place_error(script, stmt->offset, error);
        seam_error_hint(error, "load them before or after the migration with psql; a few can be an INSERT");
        return FALSE;
    }
    return TRUE;
}

/* psql's own commands never reach the server: a file that has them was not written for us. */
static gboolean
check_meta_commands(const Script *script, GError **error)
{
    for (guint i = 0; i < script->stmts->len; i++) {
        const Stmt *stmt = g_ptr_array_index(script->stmts, i);

        if (stmt->kind != STMT_UNKNOWN || script->source[stmt->error_offset] != '\\')
            continue;
        seam_error_set(error, SEAM_ERROR_REFUSED, "psql's backslash commands are not SQL");
        place_error(script, stmt->error_offset, error);
        seam_error_hint(error, "%s", meta_hint(script->source + stmt->error_offset));
        return FALSE;
    }
    return TRUE;
}

/* Rows may have an apostrophe, at which even the scanner gives up: the COPY above them is what is wrong. Only for the
 * message: the file is refused either way. -1 if there is none before `offset`. */
static int
copy_before(const char *source, int offset)
{
    g_autoptr(GRegex) copy = g_regex_new("^\\s*COPY\\s[^;]*\\sFROM\\s+stdin\\b[^;]*;[ \\t]*\\r?$",
                                         G_REGEX_CASELESS | G_REGEX_MULTILINE, 0, NULL);
    g_autoptr(GMatchInfo) match = NULL;
    int begin = -1;
    int end = -1;

    if (!g_regex_match(copy, source, 0, &match) || !g_match_info_fetch_pos(match, 0, &begin, &end) || begin > offset)
        return -1;
    return begin + (int)strspn(source + begin, " \t\r\n");
}

char *
script_name_of(const char *path)
{
    g_autofree char *base = strcmp(path, "-") == 0 ? g_strdup("stdin") : g_path_get_basename(path);

    if (g_str_has_suffix(base, ".sql") && strlen(base) > strlen(".sql"))
        base[strlen(base) - strlen(".sql")] = '\0';
    if (g_str_has_suffix(base, ".up") && strlen(base) > strlen(".up"))
        base[strlen(base) - strlen(".up")] = '\0';
    return g_steal_pointer(&base);
}

Script *
script_read(const char *path, const char *source, GError **error)
{
    g_autoptr(Script) script = g_new0(Script, 1);
    const char *invalid;
    int error_offset = 0;

    script->path = g_strdup(path);
    script->name = script_name_of(path);
    script->source = g_strdup(g_str_has_prefix(source, "\xEF\xBB\xBF") ? source + 3 : source);
    if (!g_utf8_validate(script->source, -1, &invalid)) {
        seam_error_set(error, SEAM_ERROR_REFUSED, "%s is not UTF-8 (byte %td)", path, invalid - script->source);
        return NULL;
    }
    script->parts = parts_find(script->source);
    script->stmts = parse_source(script->source, &error_offset, error);
    if (script->stmts == NULL) {
        int copy = copy_before(script->source, error_offset);

        if (copy >= 0) {
            g_clear_error(error);
            seam_error_set(error, SEAM_ERROR_REFUSED, "the rows of COPY ... FROM stdin are no SQL");
            seam_error_hint(error, "load them before or after the migration with psql; a few can be an INSERT");
        }
        place_error(script, copy >= 0 ? copy : error_offset, error);
        return NULL;
    }
    for (guint i = 0; i < script->stmts->len; i++) {
        Stmt *stmt = g_ptr_array_index(script->stmts, i);
        int line;
        const char *file = position_in_file(script, stmt->offset, &line, &stmt->column);

        stmt_set_place(stmt, file, line);
    }
    if (!apply_directives(script, error) || !check_copy(script, error) || !check_meta_commands(script, error))
        return NULL;
    return g_steal_pointer(&script);
}

static char *
read_all(const char *path, GError **error)
{
    g_autoptr(GError) why = NULL;
    char *source = NULL;
    gsize length = 0;

    if (!g_file_get_contents(strcmp(path, "-") == 0 ? "/dev/stdin" : path, &source, &length, &why)) {
        seam_error_set(error, SEAM_ERROR_USAGE, "cannot read the migration: %s", why->message);
        return NULL;
    }
    if (strlen(source) != length) {
        seam_error_set(error, SEAM_ERROR_REFUSED, "%s has a NUL byte: it is no SQL text", path);
        g_free(source);
        return NULL;
    }
    return source;
}

Script *
script_load(const char *path, GError **error)
{
    g_autofree char *source = read_all(path, error);

    return source != NULL ? script_read(path, source, error) : NULL;
}

void
script_free(Script *script)
{
    if (script == NULL)
        return;
    g_free(script->path);
    g_free(script->name);
    g_free(script->source);
    g_free(script->version);
    g_clear_pointer(&script->parts, g_array_unref);
    g_clear_pointer(&script->stmts, g_ptr_array_unref);
    g_free(script);
}
