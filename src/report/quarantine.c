#include "report/quarantine.h"

#include "base/document.h"

static void
put_row(JsonBuilder *builder, gconstpointer item)
{
    const QuarantineRow *row = item;

    json_builder_begin_object(builder);
    document_put_text(builder, "table", row->table);
    document_put_json(builder, "key", row->key);
    document_put_text(builder, "side", row->side);
    document_put_json(builder, "columns", row->columns);
    document_put_text(builder, "sqlstate", row->sqlstate);
    document_put_text(builder, "message", row->message);
    document_put_text(builder, "at", row->at);
    document_put_text(builder, "role", row->role);
    document_put_text(builder, "application", row->application);
    document_put_json(builder, "written", row->written);
    document_put_json(builder, "replaced", row->replaced);
    json_builder_end_object(builder);
}

char *
quarantine_to_json(const JournalMigration *migration, const GPtrArray *rows)
{
    g_autoptr(JsonBuilder) builder = json_builder_new();

    json_builder_begin_object(builder);
    document_put_text(builder, "migration", migration->name);
    document_put_text(builder, "state", state_name(migration->state));
    document_put_list(builder, "rows", rows, put_row);
    json_builder_end_object(builder);
    return document_text(builder);
}

static void
append_row(GString *out, const QuarantineRow *row, gboolean was_rolled_back)
{
    g_string_append_printf(out, "  %s %s: %s side missing, columns %s\n", row->table, row->key, row->side,
                           row->columns);
    g_string_append_printf(out, "    %s %s (%s by %s, %s)\n", row->sqlstate, row->message, row->at, row->role,
                           row->application[0] != '\0' ? row->application : "no application_name");
    if (was_rolled_back && row->written != NULL)
        g_string_append_printf(out, "    the new application had written %s\n", row->written);
}

char *
quarantine_to_text(const JournalMigration *migration, const GPtrArray *rows)
{
    GString *out = g_string_new(NULL);

    g_string_append_printf(out, "%s: %s, %u rows in quarantine\n", migration->name, state_name(migration->state),
                           rows->len);
    for (guint i = 0; i < rows->len; i++)
        append_row(out, g_ptr_array_index(rows, i), migration->state == STATE_ROLLED_BACK);
    return g_string_free(out, FALSE);
}
