#include "report/status.h"

#include "base/document.h"

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
put_migration(JsonBuilder *builder, const JournalMigration *migration)
{
    json_builder_begin_object(builder);
    document_put_text(builder, "name", migration->name);
    document_put_text(builder, "state", state_name(migration->state));
    document_put_text(builder, "phase", stage_name(migration->stage));
    document_put_int(builder, "steps_done", migration->steps_done);
    document_put_int(builder, "steps_total", migration->steps_total);
    document_put_int(builder, "rows_done", migration->rows_done);
    document_put_int(builder, "rows_total", MAX(migration->rows_total, migration->rows_done));
    document_put_known(builder, "eta_s", status_eta(migration));
    document_put_text(builder, "reason", migration->reason);
    document_put_bool(builder, "paused", migration->is_paused);
    document_put_text(builder, "runner", migration->runner);
    document_put_text(builder, "created_at", migration->created_at);
    document_put_text(builder, "changed_at", migration->changed_at);
    json_builder_end_object(builder);
}

char *
status_to_json(const GPtrArray *migrations)
{
    g_autoptr(JsonBuilder) builder = json_builder_new();

    json_builder_begin_object(builder);
    document_begin_array(builder, "migrations");
    for (guint i = 0; i < migrations->len; i++)
        put_migration(builder, g_ptr_array_index(migrations, i));
    json_builder_end_array(builder);
    json_builder_end_object(builder);
    return document_text(builder);
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
