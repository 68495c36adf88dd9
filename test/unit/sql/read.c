#include "read.h"

#include <string.h>

#include "base/error.h"

Script *
read_sql(const char *source)
{
    g_autoptr(GError) error = NULL;
    Script *script = script_read("m.sql", source, &error);

    if (error != NULL)
        g_test_message("refused: %s\n%s", source, error->message);
    g_assert_no_error(error);
    g_assert_nonnull(script);
    assert_slices(script);
    return script;
}

const Stmt *
stmt_of_kind(const Script *script, guint i, StmtKind kind)
{
    const Stmt *stmt;

    g_assert_cmpuint(i, <, script->stmts->len);
    stmt = g_ptr_array_index(script->stmts, i);
    if (stmt->kind != kind)
        g_test_message("%s: %s", stmt->text, stmt->what);
    g_assert_cmpint(stmt->kind, ==, kind);
    return stmt;
}

void
assert_slices(const Script *script)
{
    for (guint i = 0; i < script->stmts->len; i++) {
        const Stmt *stmt = g_ptr_array_index(script->stmts, i);

        g_assert_nonnull(stmt->what);
        g_assert_cmpint(stmt->offset, >=, 0);
        g_assert_cmpuint((gsize)stmt->offset + strlen(stmt->text), <=, strlen(script->source));
        g_assert_cmpint(strncmp(script->source + stmt->offset, stmt->text, strlen(stmt->text)), ==, 0);
    }
}

void
assert_refused(const char *source, const char *message, const char *place)
{
    g_autoptr(GError) error = NULL;
    g_autoptr(Script) script = script_read("m.sql", source, &error);

    if (error == NULL)
        g_test_message("not refused: %s", source);
    g_assert_null(script);
    g_assert_true(seam_error_is(error, SEAM_ERROR_REFUSED));
    if (strstr(error->message, message) == NULL)
        g_test_message("message: %s", error->message);
    g_assert_nonnull(strstr(error->message, message));
    if (place != NULL) {
        const char *detail = seam_error_get_detail(error);

        g_assert_nonnull(detail);
        if (!g_str_has_prefix(detail, place))
            g_test_message("place: %s", detail);
        g_assert_true(g_str_has_prefix(detail, place));
        g_assert_cmpint(detail[strlen(place)], ==, '\n');
    }
}
