#include "base/document.h"
#include "base/error.h"
#include "cli/command.h"
#include "cli/driver.h"
#include "rewrite/verify.h"

static void
print_text(const VerifyReport *report, const Flow *flow)
{
    g_autofree char *said = verify_report_text(report, flow);
    g_autofree char *text =
        g_strdup_printf("%s\n  %" G_GINT64_FORMAT " rows in %.1f s; changes were on their way in %" G_GINT64_FORMAT
                        " of %" G_GINT64_FORMAT " buckets\n  hash %s\n",
                        said, report->target_rows, report->seconds, report->differing, report->buckets, report->hash);

    command_print(text);
}

static void
put_table(JsonBuilder *builder, const VerifyReport *report, const Flow *flow)
{
    json_builder_begin_object(builder);
    document_put_text(builder, "source", flow->source);
    document_put_text(builder, "target", flow->target);
    document_put_bool(builder, "equal", report->n_differences == 0);
    document_put_int(builder, "source_rows", report->source_rows);
    document_put_int(builder, "target_rows", report->target_rows);
    document_put_int(builder, "buckets", report->buckets);
    document_put_int(builder, "buckets_with_changes", report->differing);
    document_put_known(builder, "seconds", report->seconds);
    document_put_text(builder, "hash", report->hash);
    json_builder_end_object(builder);
}

/* TRUE: equal. What differs is the error, with the keys as its detail: it is printed as one. */
static gboolean
verify_one(Run *run, const Step *step, gboolean is_run, JsonBuilder *builder, GError **error)
{
    Rewrite *rewrite = rewrite_of(run, step, error);
    g_auto(VerifyReport) report = {0};
    const Flow *flow = NULL;

    if (rewrite == NULL || !verify_beside(rewrite, is_run, &report, &flow, error))
        return FALSE;
    if (report.n_differences > 0) {
        verify_report_error(&report, flow, error);
        seam_error_hint(error, "%s",
                        rewrite->is_swapped
                            ? "the application's table is the new one; `pgseam rollback` would put the old one "
                              "in its place as it is: please report this first"
                            : "`pgseam rollback` takes the copy away; please report this");
        return FALSE;
    }
    if (builder != NULL)
        put_table(builder, &report, flow);
    else
        print_text(&report, flow);
    return TRUE;
}

/* Each rewrite of the migration. The document is printed when all of them are equal; else there is the error's. */
static gboolean
verify_all(Run *run, gboolean is_run, JsonBuilder *builder, GError **error)
{
    guint n = 0;

    for (guint i = 0; i < run->plan->steps->len; i++) {
        const Step *step = g_ptr_array_index(run->plan->steps, i);

        if (step->kind != STEP_REWRITE_PREPARE)
            continue;
        n++;
        if (!verify_one(run, step, is_run, builder, error))
            return FALSE;
    }
    if (n > 0)
        return TRUE;
    seam_error_set(error, SEAM_ERROR_REFUSED, "migration %s rewrites no table: there is nothing to compare",
                   run->plan->migration);
    return FALSE;
}

static gboolean
run_verify(const CommonOptions *common, const RunOptions *options, char **args, GError **error)
{
    g_autoptr(JournalMigration) migration = driver_find(options, args[0], error);
    g_autoptr(JsonBuilder) builder = common->is_json ? json_builder_new() : NULL;
    g_auto(Run) run = {0};
    g_autofree char *text = NULL;

    if (migration == NULL || !driver_open(&run, options, migration, error))
        return FALSE;
    if (builder != NULL) {
        json_builder_begin_object(builder);
        document_put_text(builder, "migration", migration->name);
        document_begin_array(builder, "tables");
    }
    if (!verify_all(&run, migration->runner != NULL, builder, error))
        return FALSE;
    if (builder == NULL)
        return TRUE;
    json_builder_end_array(builder);
    json_builder_end_object(builder);
    text = document_text(builder);
    command_print(text);
    return TRUE;
}

const Command command_verify = {
    .name = "verify",
    .arguments = "[MIGRATION]",
    .summary = "compare the tables of an online rewrite, row for row",
    .help = "Before the cut-over compares the table with its copy, after it the new table with the old one, while both "
            "are\n"
            "written to; rows whose change is still on its way are left out. Only reads, in short statements, and "
            "works beside\n"
            "the pgseam that runs the migration. Exit 0: equal; 1: different, naming up to twenty keys and what "
            "differs.\n\n"
            "Example: pgseam verify -d shop --format json",
    .min_args = 0,
    .max_args = 1,
    .run = run_verify,
};
