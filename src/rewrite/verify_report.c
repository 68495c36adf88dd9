#include "rewrite/verify.h"

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
