#include "report/status.h"

#include <json-glib/json-glib.h>

double
status_eta(const JournalMigration *migration)
{
    double left = (double)(migration->rows_total - migration->rows_done);

    if (migration->stage != STAGE_BACKFILL || migration->rows_done <= 0 || migration->backfill_s <= 0)
        return -1;
    return left <= 0 ? 0 : left / ((double)migration->rows_done / migration->backfill_s);
}

const char *
status_next(const JournalMigration *migration)
{
    switch (migration->state) {
        case STATE_GATED:
            return "both applications work: roll out the new one, stop the old one, then `pgseam complete`; or `pgseam "
                   "rollback`";
        case STATE_FAILED:
        case STATE_INTERRUPTED:
            return "`pgseam resume` goes on from here, `pgseam rollback` undoes it";
        default:
            return NULL;
    }
}

static void
put_text(JsonBuilder *builder, const char *key, const char *value)
{
    json_builder_set_member_name(builder, key);
    if (value != NULL)
        json_builder_add_string_value(builder, value);
    else
        json_builder_add_null_value(builder);
}

static void
put_int(JsonBuilder *builder, const char *key, gint64 value)
{
    json_builder_set_member_name(builder, key);
    json_builder_add_int_value(builder, value);
}

static void
put_migration(JsonBuilder *builder, const JournalMigration *migration)
{
    double eta = status_eta(migration);

    json_builder_begin_object(builder);
    put_text(builder, "name", migration->name);
    put_text(builder, "state", state_name(migration->state));
    put_text(builder, "phase", stage_name(migration->stage));
    put_int(builder, "steps_done", migration->steps_done);
    put_int(builder, "steps_total", migration->steps_total);
    put_int(builder, "rows_done", migration->rows_done);
    put_int(builder, "rows_total", MAX(migration->rows_total, migration->rows_done));
    json_builder_set_member_name(builder, "eta_s");
    if (eta >= 0)
        json_builder_add_double_value(builder, eta);
    else
        json_builder_add_null_value(builder);
    put_text(builder, "reason", migration->reason);
    json_builder_set_member_name(builder, "paused");
    json_builder_add_boolean_value(builder, migration->is_paused);
    put_text(builder, "runner", migration->runner);
    put_text(builder, "created_at", migration->created_at);
    put_text(builder, "changed_at", migration->changed_at);
    json_builder_end_object(builder);
}

char *
status_to_json(const GPtrArray *migrations)
{
    g_autoptr(JsonBuilder) builder = json_builder_new();
    g_autoptr(JsonNode) root = NULL;
    g_autofree char *text = NULL;

    json_builder_begin_object(builder);
    json_builder_set_member_name(builder, "migrations");
    json_builder_begin_array(builder);
    for (guint i = 0; i < migrations->len; i++)
        put_migration(builder, g_ptr_array_index(migrations, i));
    json_builder_end_array(builder);
    json_builder_end_object(builder);
    root = json_builder_get_root(builder);
    text = json_to_string(root, TRUE);
    return g_strconcat(text, "\n", NULL);
}

static void
append_migration(GString *out, const JournalMigration *migration)
{
    const char *next = status_next(migration);
    double eta = status_eta(migration);

    g_string_append_printf(out, "%s: %s (%s), %d of %d steps", migration->name, state_name(migration->state),
                           stage_name(migration->stage), migration->steps_done, migration->steps_total);
    if (migration->rows_total > 0 && migration->stage <= STAGE_BACKFILL)
        g_string_append_printf(out, ", %" G_GINT64_FORMAT " of about %" G_GINT64_FORMAT " rows", migration->rows_done,
                               MAX(migration->rows_total, migration->rows_done));
    if (eta >= 0)
        g_string_append_printf(out, ", %.0f s left", eta);
    g_string_append_c(out, '\n');
    if (migration->is_paused)
        g_string_append(out, "  paused: `pgseam resume` lets it go on\n");
    if (migration->runner != NULL)
        g_string_append_printf(out, "  run by: %s\n", migration->runner);
    if (migration->reason != NULL)
        g_string_append_printf(out, "  reason: %s\n", migration->reason);
    if (next != NULL)
        g_string_append_printf(out, "  next:   %s\n", next);
}

char *
status_to_text(const GPtrArray *migrations)
{
    GString *out = g_string_new(NULL);

    if (migrations->len == 0)
        g_string_append(out, "no migrations yet\n");
    for (guint i = 0; i < migrations->len; i++)
        append_migration(out, g_ptr_array_index(migrations, i));
    return g_string_free(out, FALSE);
}
