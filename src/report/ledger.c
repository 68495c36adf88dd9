#include "report/ledger.h"

#include <string.h>

#include "base/document.h"

static const char *
name_of(const Standing *standing)
{
    return standing->file != NULL ? standing->file->name : standing->row->name;
}

static void
append_standing(GString *out, const Standing *standing, int width)
{
    const LedgerRow *row = standing->row;

    g_string_append_printf(out, "%-*s  %-9s", width, name_of(standing), file_state_name(standing->state));
    if (row != NULL)
        g_string_append_printf(out, "  %s %s", row->kind, row->at);
    if (row != NULL && row->by != NULL)
        g_string_append_printf(out, " by %s", row->by);
    if (row != NULL && row->migration != NULL && strcmp(row->migration, row->name) != 0)
        g_string_append_printf(out, ", in %s", row->migration);
    if (standing->file == NULL)
        g_string_append(out, "; the file has vanished");
    if (standing->is_changed)
        g_string_append(out, "; the file has changed since");
    if (standing->is_late)
        g_string_append(out, "  comes before files that have been applied");
    g_strchomp(out->str);
    g_string_set_size(out, strlen(out->str));
    g_string_append_c(out, '\n');
}

char *
ledger_to_text(const GPtrArray *standings)
{
    GString *out = g_string_new(NULL);
    guint n[] = {[FILE_PENDING] = 0, [FILE_UNDER_WAY] = 0, [FILE_GATED] = 0, [FILE_APPLIED] = 0};
    int width = 0;

    for (guint i = 0; i < standings->len; i++)
        width = MAX(width, (int)g_utf8_strlen(name_of(g_ptr_array_index(standings, i)), -1));
    for (guint i = 0; i < standings->len; i++) {
        const Standing *standing = g_ptr_array_index(standings, i);

        append_standing(out, standing, width);
        n[standing->state]++;
    }
    g_string_append_printf(out, "%u file%s:", standings->len, standings->len == 1 ? "" : "s");
    for (guint i = G_N_ELEMENTS(n); i > 0; i--)
        g_string_append_printf(out, " %u %s%s", n[i - 1], file_state_name((FileState)(i - 1)), i > 1 ? "," : "\n");
    return g_string_free(out, FALSE);
}

static void
put_standing(JsonBuilder *builder, gconstpointer item)
{
    const Standing *standing = item;
    const LedgerRow *row = standing->row;

    json_builder_begin_object(builder);
    document_put_text(builder, "name", name_of(standing));
    document_put_text(builder, "path", standing->file != NULL ? standing->file->path : NULL);
    document_put_text(builder, "state", file_state_name(standing->state));
    document_put_text(builder, "migration", row != NULL ? row->migration : NULL);
    document_put_text(builder, "kind", row != NULL ? row->kind : NULL);
    document_put_text(builder, "checksum", standing->file != NULL ? standing->file->checksum : NULL);
    document_put_text(builder, "noted_checksum", row != NULL ? row->checksum : NULL);
    document_put_bool(builder, "changed", standing->is_changed);
    document_put_bool(builder, "late", standing->is_late);
    document_put_text(builder, "at", row != NULL ? row->at : NULL);
    document_put_text(builder, "by", row != NULL ? row->by : NULL);
    json_builder_end_object(builder);
}

char *
ledger_to_json(const GPtrArray *standings, const char *plan)
{
    g_autoptr(JsonBuilder) builder = json_builder_new();

    json_builder_begin_object(builder);
    document_put_list(builder, "files", standings, put_standing);
    document_put_json(builder, "plan", plan);
    json_builder_end_object(builder);
    return document_text(builder);
}
