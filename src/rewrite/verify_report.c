#include "rewrite/verify.h"

#include "base/error.h"

void
verify_report_clear(VerifyReport *report)
{
    g_free(report->hash);
    g_clear_pointer(&report->differences, g_ptr_array_unref);
    *report = (VerifyReport){0};
}

char *
verify_report_text(const VerifyReport *report, const Flow *flow)
{
    if (report->n_differences == 0)
        return g_strdup_printf("%s and %s are equal", flow->source, flow->target);
    return g_strdup_printf("%s and %s differ in %" G_GINT64_FORMAT " %s", flow->source, flow->target,
                           report->n_differences, report->n_differences == 1 ? "key" : "keys");
}

void
verify_report_error(const VerifyReport *report, const Flow *flow, GError **error)
{
    g_autofree char *text = verify_report_text(report, flow);
    g_autoptr(GString) keys = g_string_new(NULL);

    for (guint i = 0; i < report->differences->len; i++)
        g_string_append_printf(keys, "%s%s", i > 0 ? "\n" : "", (char *)g_ptr_array_index(report->differences, i));
    if (report->n_differences > report->differences->len)
        g_string_append_printf(keys, "\nand %" G_GINT64_FORMAT " more",
                               report->n_differences - report->differences->len);
    seam_error_set(error, SEAM_ERROR_FAILED, "%s", text);
    seam_error_detail(error, "%s", keys->str);
}
