/*
 * pgoutput's messages: read right, and refused when they are cut, too long or unknown.
 */
#include <string.h>

#include "base/error.h"
#include "rewrite/pgoutput.h"

/* A string literal with its zero bytes, without the last one. */
#define BYTES(text) (const guint8 *)("" text), sizeof(text) - 1

/* What was decoded, as one line. */
static void
print_row(GString *out, const char *label, const GArray *row)
{
    g_string_append_printf(out, " %s(", label);
    for (guint i = 0; i < row->len; i++) {
        const PgoValue *value = &g_array_index(row, PgoValue, i);

        g_string_append(out, i > 0 ? "," : "");
        if (value->kind == PGO_TEXT || value->kind == PGO_BINARY)
            g_string_append_printf(out, "%c:%.*s", value->kind, (int)value->length, value->data);
        else
            g_string_append_c(out, (char)value->kind);
    }
    g_string_append_c(out, ')');
}

static void
print_changes(GString *out, const PgoMessage *m)
{
    for (guint i = 0; i < m->columns->len; i++) {
        const PgoColumn *column = &g_array_index(m->columns, PgoColumn, i);

        g_string_append_printf(out, " %s%s:%u:%d", column->is_key ? "*" : "", column->name, column->type,
                               column->modifier);
    }
    if (m->old_kind != PGO_OLD_NONE)
        print_row(out, m->old_kind == PGO_OLD_KEY ? "K" : "O", m->old_row);
    if (m->kind == PGO_INSERT || m->kind == PGO_UPDATE)
        print_row(out, "N", m->new_row);
    for (guint i = 0; i < m->oids->len; i++)
        g_string_append_printf(out, " %u", g_array_index(m->oids, guint32, i));
}

static char *
print(const PgoMessage *m)
{
    GString *out = g_string_new(NULL);

    g_string_append_printf(out, "%c", m->kind);
    if (m->oid != 0)
        g_string_append_printf(out, " oid=%u", m->oid);
    if (m->xid != 0)
        g_string_append_printf(out, " xid=%u", m->xid);
    if (m->lsn != 0)
        g_string_append_printf(out, " lsn=%" G_GINT64_MODIFIER "x", m->lsn);
    if (m->time_us != 0)
        g_string_append_printf(out, " time=%" G_GINT64_FORMAT, m->time_us);
    if (m->schema != NULL)
        g_string_append_printf(out, " %s.", m->schema);
    if (m->name != NULL)
        g_string_append_printf(out, " %s", m->name);
    if (m->identity != 0)
        g_string_append_printf(out, " identity=%c", m->identity);
    if (m->flags != 0)
        g_string_append_printf(out, " flags=%d", m->flags);
    if (m->content != NULL)
        g_string_append_printf(out, " %s<%.*s>", m->is_transactional ? "tx" : "no-tx", (int)m->content_length,
                               m->content);
    print_changes(out, m);
    return g_string_free(out, FALSE);
}

static const struct {
    const guint8 *data;
    gsize length;
    const char *printed;
} cases[] = {
    {BYTES("B\0\0\0\x16\xB3\x74\xD8\x48\0\0\0\0\0\0\0\x07\xFF\xFF\xFF\xFE"), "B xid=4294967294 lsn=16b374d848 time=7"},
    {BYTES("C\0\0\0\0\x01\0\0\0\x02\0\0\0\x01\0\0\0\x30\0\0\0\0\0\0\0\x09"), "C lsn=100000030 time=9"},
    {BYTES("O\0\0\0\0\0\0\0\x05node\0"), "O lsn=5 node"},
    {BYTES("R\0\0\x40\x01shop\0orders\0d\0\x02\x01id\0\0\0\0\x14\xFF\xFF\xFF\xFF\0note\0\0\0\0\x19\0\0\0\x08"),
     "R oid=16385 shop. orders identity=d *id:20:-1 note:25:8"},
    {BYTES("R\0\0\x40\x01\0t\0f\0\0"), "R oid=16385 . t identity=f"},
    {BYTES("Y\0\0\x40\x09shop\0mood\0"), "Y oid=16393 shop. mood"},
    {BYTES("I\0\0\x40\x01N\0\x03t\0\0\0\x02"
           "42nu"),
     "I oid=16385 N(t:42,n,u)"},
    {BYTES("U\0\0\x40\x01N\0\x02t\0\0\0\x01"
           "7b\0\0\0\x03"
           "abc"),
     "U oid=16385 N(t:7,b:abc)"},
    {BYTES("U\0\0\x40\x01K\0\x01t\0\0\0\x01"
           "6N\0\x01t\0\0\0\x01"
           "7"),
     "U oid=16385 K(t:6) N(t:7)"},
    {BYTES("U\0\0\x40\x01O\0\x02t\0\0\0\0nN\0\x02uu"), "U oid=16385 O(t:,n) N(u,u)"},
    {BYTES("D\0\0\x40\x01K\0\x01t\0\0\0\x01"
           "6"),
     "D oid=16385 K(t:6)"},
    {BYTES("D\0\0\x40\x01O\0\x02t\0\0\0\x01"
           "6n"),
     "D oid=16385 O(t:6,n)"},
    {BYTES("T\0\0\0\x02\x03\0\0\x40\x01\0\0\x40\x02"), "T flags=3 16385 16386"},
    {BYTES("M\x01\0\0\0\0\0\0\0\x0Apgseam\0\0\0\0\x03"
           "a\0b"),
     "M lsn=a pgseam tx<a>"},
    {BYTES("M\0\0\0\0\0\0\0\0\x0A\0\0\0\0\0"), "M lsn=a  no-tx<>"},
};

static void
test_read(void)
{
    g_auto(PgoMessage) message = {0};

    pgo_message_init(&message);
    for (gsize i = 0; i < G_N_ELEMENTS(cases); i++) {
        g_autoptr(GError) error = NULL;
        g_autofree char *printed = NULL;

        g_assert_true(pgo_decode(&message, cases[i].data, cases[i].length, &error));
        g_assert_no_error(error);
        printed = print(&message);
        g_assert_cmpstr(printed, ==, cases[i].printed);
        /* The one with a zero byte in its content is printed up to there. */
        g_assert_cmpuint(message.content_length, ==, i == 13 ? 3 : 0);
    }
}

/* Bytes in a block of exactly their size: reading behind them is an error of the sanitizer. */
static gboolean
decode_copy(const guint8 *data, gsize length, GError **error)
{
    g_auto(PgoMessage) message = {0};
    g_autofree guint8 *copy = g_memdup2(data, length);

    pgo_message_init(&message);
    return pgo_decode(&message, copy, length, error);
}

static void
assert_refused(const guint8 *data, gsize length)
{
    g_autoptr(GError) error = NULL;

    g_assert_false(decode_copy(data, length, &error));
    g_assert_error(error, SEAM_ERROR, SEAM_ERROR_FAILED);
}

static void
test_cut_at_each_byte(void)
{
    for (gsize i = 0; i < G_N_ELEMENTS(cases); i++) {
        for (gsize length = 0; length < cases[i].length; length++)
            assert_refused(cases[i].data, length);
    }
}

static void
test_too_long(void)
{
    for (gsize i = 0; i < G_N_ELEMENTS(cases); i++) {
        g_autofree guint8 *longer = g_malloc0(cases[i].length + 1);

        memcpy(longer, cases[i].data, cases[i].length);
        assert_refused(longer, cases[i].length + 1);
    }
}

static void
test_refused(void)
{
    static const struct {
        const guint8 *data;
        gsize length;
    } bad[] = {
        {BYTES("")},
        {BYTES("S\0\0\x40\x01\0")},                                                 /* a stream: protocol 2 */
        {BYTES("I\0\0\x40\x01X\0\0")},                                              /* no new row */
        {BYTES("I\0\0\x40\x01N\xFF\xFF")},                                          /* more columns than bytes */
        {BYTES("I\0\0\x40\x01N\0\x01t\xFF\xFF\xFF\xFF"                              /* longer than all bytes */
               "x")},                                                               /* */
        {BYTES("I\0\0\x40\x01N\0\x01x")},                                           /* a value of unknown kind */
        {BYTES("D\0\0\x40\x01N\0\x01n")},                                           /* a DELETE has no new row */
        {BYTES("U\0\0\x40\x01K\0\x01nK\0\x01n")},                                   /* nor an UPDATE two old ones */
        {BYTES("T\xFF\xFF\xFF\xFF\0\0\0\x40\x01")},                                 /* four thousand million tables */
        {BYTES("M\x02\0\0\0\0\0\0\0\x0A\0\0\0\0\0")},                               /* flags that nobody knows */
        {BYTES("C\x01\0\0\0\x01\0\0\0\x02\0\0\0\x01\0\0\0\x30\0\0\0\0\0\0\0\x09")}, /* likewise */
        {BYTES("R\0\0\x40\x01shop\0orders")},                                       /* a name without end */
    };

    for (gsize i = 0; i < G_N_ELEMENTS(bad); i++)
        assert_refused(bad[i].data, bad[i].length);
}

/* What an earlier message left must not show in the next. */
static void
test_message_is_used_again(void)
{
    g_auto(PgoMessage) message = {0};
    g_autofree char *printed = NULL;

    pgo_message_init(&message);
    g_assert_true(pgo_decode(&message, cases[8].data, cases[8].length, NULL));
    g_assert_true(pgo_decode(&message, cases[7].data, cases[7].length, NULL));
    printed = print(&message);
    g_assert_cmpstr(printed, ==, cases[7].printed);
}

int
main(int argc, char **argv)
{
    g_test_init(&argc, &argv, NULL);
    g_test_add_func("/pgoutput/read", test_read);
    g_test_add_func("/pgoutput/cut-at-each-byte", test_cut_at_each_byte);
    g_test_add_func("/pgoutput/too-long", test_too_long);
    g_test_add_func("/pgoutput/refused", test_refused);
    g_test_add_func("/pgoutput/message-is-used-again", test_message_is_used_again);
    return g_test_run();
}
