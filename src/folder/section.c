#include "folder/section.h"

#include <string.h>

#include "base/error.h"

typedef enum MarkKind { MARK_NONE, MARK_UP, MARK_DOWN, MARK_SILENT, MARK_UNKNOWN } MarkKind;

/* What stands behind "--", and what follows it. A NULL ends the words that change nothing for us. */
static const struct {
    SectionStyle style;
    const char *prefix;
    const char *up;
    const char *down;
    const char *silent[4];
    const char *shown;
} styles[] = {
    {SECTION_GOOSE, "+goose", "up", "down", {"statementbegin", "statementend", "no transaction", NULL}, "-- +goose Up"},
    {SECTION_SQL_MIGRATE, "+migrate", "up", "down", {"statementbegin", "statementend", NULL}, "-- +migrate Up"},
    {SECTION_DBMATE, "migrate:", "up", "down", {NULL}, "-- migrate:up"},
};

typedef struct Mark {
    MarkKind kind;
    SectionStyle style;
} Mark;

const char *
section_mark(SectionStyle style)
{
    for (guint i = 0; i < G_N_ELEMENTS(styles); i++) {
        if (styles[i].style == style)
            return styles[i].shown;
    }
    return "no mark";
}

static gboolean
is_word(const char *text, const char *word)
{
    gsize length = strlen(word);

    return g_ascii_strncasecmp(text, word, length) == 0 && (text[length] == '\0' || g_ascii_isspace(text[length]));
}

static MarkKind
kind_of(guint style, const char *rest)
{
    if (is_word(rest, styles[style].up))
        return MARK_UP;
    if (is_word(rest, styles[style].down))
        return MARK_DOWN;
    for (guint i = 0; styles[style].silent[i] != NULL; i++) {
        if (is_word(rest, styles[style].silent[i]))
            return MARK_SILENT;
    }
    return MARK_UNKNOWN;
}

static Mark
mark_of(const char *line)
{
    Mark mark = {MARK_NONE, SECTION_NONE};

    if (!g_str_has_prefix(line, "--"))
        return mark;
    line += strlen("--");
    line += strspn(line, " \t");
    for (guint i = 0; i < G_N_ELEMENTS(styles); i++) {
        gsize length = strlen(styles[i].prefix);

        if (g_ascii_strncasecmp(line, styles[i].prefix, length) != 0)
            continue;
        line += length;
        /* "migrate:" is followed at once by its word; anything else is a remark that happens to begin so. */
        mark.kind = kind_of(i, styles[i].style == SECTION_DBMATE ? line : line + strspn(line, " \t"));
        if (mark.kind == MARK_UNKNOWN && styles[i].style == SECTION_DBMATE)
            mark.kind = MARK_NONE;
        if (mark.kind != MARK_NONE)
            mark.style = styles[i].style;
        return mark;
    }
    return mark;
}

/* Where a file is, while its lines go by. */
typedef struct Reader {
    const char *path;
    SectionStyle style;
    MarkKind part;    /* MARK_NONE before the first mark */
    int first_stray;  /* the first line with something in it before any mark; 0: none */
    gboolean has_up;  /* once is enough */
    gboolean is_long; /* within a comment of several lines */
} Reader;

static gboolean G_GNUC_PRINTF(3, 5) refuse(const Reader *reader, int line, const char *message, GError **error, ...)
{
    g_autofree char *text = NULL;
    va_list args;

    va_start(args, error);
    text = g_strdup_vprintf(message, args);
    va_end(args);
    seam_error_set(error, SEAM_ERROR_REFUSED, "%s", text);
    seam_error_detail(error, "%s:%d", reader->path, line);
    return FALSE;
}

static gboolean
take_mark(Reader *reader, int line, Mark mark, GError **error)
{
    if (mark.kind == MARK_UNKNOWN)
        return refuse(reader, line, "this mark is not understood: known are %s, its Down, and what says nothing to us",
                      error, section_mark(mark.style));
    if (reader->style != SECTION_NONE && reader->style != mark.style)
        return refuse(reader, line, "marks of two tools in one file: %s above, %s here", error,
                      section_mark(reader->style), section_mark(mark.style));
    reader->style = mark.style;
    if (mark.kind == MARK_SILENT)
        return TRUE;
    if (mark.kind == MARK_UP && reader->has_up)
        return refuse(reader, line, "a second %s: which of the two leads up?", error, section_mark(mark.style));
    if (mark.kind == MARK_DOWN && (!reader->has_up || reader->part == MARK_DOWN))
        return refuse(reader, line,
                      reader->has_up ? "a second part that leads down"
                                     : "the part that leads down stands before the one that leads up",
                      error);
    if (mark.kind == MARK_UP && reader->first_stray > 0)
        return refuse(reader, reader->first_stray, "this stands before %s, so it is not clear whether it is to run",
                      error, section_mark(mark.style));
    reader->has_up |= mark.kind == MARK_UP;
    reader->part = mark.kind;
    return TRUE;
}

/* Anything but blanks and comments, before it is known what the file is. */
static void
take_text(Reader *reader, int line, const char *text)
{
    if (reader->part != MARK_NONE || reader->first_stray > 0)
        return;
    if (reader->is_long || g_str_has_prefix(text, "/*")) {
        reader->is_long = strstr(text, "*/") == NULL;
        return;
    }
    if (*text != '\0' && !g_str_has_prefix(text, "--"))
        reader->first_stray = line;
}

char *
section_up(const char *path, const char *text, SectionStyle *ret_style, GError **error)
{
    Reader reader = {.path = path};
    g_autofree char *up = g_strdup(text);
    int number = 0;
    gsize length;

    for (char *line = up; *line != '\0'; line += length + (line[length] == '\n')) {
        g_autofree char *stripped = NULL;
        Mark mark;

        length = strcspn(line, "\n");
        number++;
        stripped = g_strstrip(g_strndup(line, length));
        mark = mark_of(g_str_has_prefix(stripped, "\xEF\xBB\xBF") ? stripped + 3 : stripped);
        if (mark.kind != MARK_NONE && !take_mark(&reader, number, mark, error))
            return NULL;
        if (mark.kind == MARK_NONE)
            take_text(&reader, number, stripped);
        if (reader.part == MARK_DOWN)
            memset(line, ' ', length);
    }
    if (reader.style != SECTION_NONE && !reader.has_up) {
        refuse(&reader, number, "the file has marks, but no %s", error, section_mark(reader.style));
        return NULL;
    }
    *ret_style = reader.style;
    return g_steal_pointer(&up);
}
