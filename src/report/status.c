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

double
status_rewrite_percent(const JournalRewrite *rewrite)
{
    double done = (double)MIN(rewrite->blocks_done, rewrite->blocks);

    if (rewrite->is_copied || rewrite->blocks == 0)
        return 100;
    return rewrite->blocks < 0 ? 0 : 100 * done / (double)rewrite->blocks;
}

double
status_rewrite_eta(const JournalMigration *migration, const JournalRewrite *rewrite)
{
    double percent = status_rewrite_percent(rewrite);

    if (migration->runner == NULL || rewrite->is_copied || rewrite->copy_s <= 0 || percent <= 0)
        return -1;
    return rewrite->copy_s * (100 - percent) / percent;
}

/* Rows a second; -1: not known. */
static double
rate_of(const JournalRewrite *rewrite)
{
    return rewrite->copy_s > 0 && rewrite->rows_copied > 0 ? (double)rewrite->rows_copied / rewrite->copy_s : -1;
}

static gboolean
has_old_table(const JournalMigration *migration)
{
    for (guint i = 0; migration->rewrites != NULL && i < migration->rewrites->len; i++) {
        const JournalRewrite *rewrite = g_ptr_array_index(migration->rewrites, i);

        if (rewrite->is_swapped && !rewrite->is_dropped)
            return TRUE;
    }
    return FALSE;
}

const char *
status_next(const JournalMigration *migration)
{
    switch (migration->state) {
        case STATE_GATED:
            if (has_old_table(migration))
                return "when all is well: `pgseam complete` drops the old table; `pgseam rollback` goes back to it, "
                       "with "
                       "what was written since";
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
put_rewrite(JsonBuilder *builder, const JournalMigration *migration, const JournalRewrite *rewrite)
{
    json_builder_begin_object(builder);
    document_put_text(builder, "table", rewrite->table);
    document_put_text(builder, "phase", rewrite->phase);
    json_builder_set_member_name(builder, "percent");
    json_builder_add_double_value(builder, status_rewrite_percent(rewrite));
    document_put_int(builder, "rows_copied", rewrite->rows_copied);
    document_put_known(builder, "rows_per_s", rate_of(rewrite));
    document_put_known(builder, "eta_s", status_rewrite_eta(migration, rewrite));
    document_put_int(builder, "dirty_keys", rewrite->dirty_keys);
    document_put_int(builder, "keys_applied", rewrite->keys_applied);
    document_put_text(builder, "capture", rewrite->capture);
    document_put_text(builder, "capture_why", rewrite->capture_why);
    document_put_int(builder, "restarts", rewrite->restarts);
    document_put_bool(builder, "copied", rewrite->is_copied);
    document_put_bool(builder, "indexed", rewrite->is_indexed);
    document_put_bool(builder, "verified", rewrite->is_verified);
    document_put_bool(builder, "cut_over", rewrite->is_swapped);
    document_put_bool(builder, "dropped", rewrite->is_dropped);
    document_put_known(builder, "cut_over_ms", rewrite->swap_ms);
    json_builder_end_object(builder);
}

static void
put_rewrites(JsonBuilder *builder, const JournalMigration *migration)
{
    document_begin_array(builder, "rewrites");
    for (guint i = 0; migration->rewrites != NULL && i < migration->rewrites->len; i++)
        put_rewrite(builder, migration, g_ptr_array_index(migration->rewrites, i));
    json_builder_end_array(builder);
}

static void
put_migration(JsonBuilder *builder, gconstpointer item)
{
    const JournalMigration *migration = item;

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
    if (migration->quarantined < 0)
        document_put_text(builder, "quarantined", NULL);
    else
        document_put_int(builder, "quarantined", migration->quarantined);
    put_rewrites(builder, migration);
    json_builder_end_object(builder);
}

char *
status_to_json(const GPtrArray *migrations)
{
    return document_of_list("migrations", migrations, put_migration);
}

/* "  public.orders: copy, 43.1 % copied, 1200000 rows, 250000 a second, 12 dirty keys left, 8 s left" */
static void
append_rewrite(GString *out, const JournalMigration *migration, const JournalRewrite *rewrite)
{
    double eta = status_rewrite_eta(migration, rewrite);

    g_string_append_printf(out, "  rewrite of %s: %s", rewrite->table,
                           rewrite->phase != NULL ? rewrite->phase : "has not begun");
    if (rewrite->blocks >= 0)
        g_string_append_printf(out, ", %.1f %% copied, %" G_GINT64_FORMAT " rows", status_rewrite_percent(rewrite),
                               rewrite->rows_copied);
    if (!rewrite->is_copied && rate_of(rewrite) >= 0)
        g_string_append_printf(out, ", %.0f a second", rate_of(rewrite));
    if (!rewrite->is_dropped && rewrite->capture != NULL)
        g_string_append_printf(out, ", %" G_GINT64_FORMAT " dirty keys left", rewrite->dirty_keys);
    if (eta >= 0)
        g_string_append_printf(out, ", copied in %.0f s", eta);
    if (rewrite->swap_ms >= 0)
        g_string_append_printf(out, ", cut over in %d ms", rewrite->swap_ms);
    g_string_append_c(out, '\n');
    if (rewrite->capture != NULL && !rewrite->is_dropped)
        g_string_append_printf(out, "    capture: %s%s%s\n", rewrite->capture, rewrite->capture_why != NULL ? ": " : "",
                               rewrite->capture_why != NULL ? rewrite->capture_why : "");
    if (rewrite->restarts > 0)
        g_string_append_printf(out, "    the copy began again %d times, since the table's file was another one\n",
                               rewrite->restarts);
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
    for (guint i = 0; migration->rewrites != NULL && i < migration->rewrites->len; i++)
        append_rewrite(out, migration, g_ptr_array_index(migration->rewrites, i));
    if (migration->quarantined > 0)
        g_string_append_printf(out, "  in quarantine: %" G_GINT64_FORMAT " rows, see `pgseam version quarantine %s`\n",
                               migration->quarantined, migration->name);
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
