#include "rewrite/capture.h"

#include <string.h>

#include "base/error.h"
#include "rewrite/trigger.h"

/* In the order of preference: reading the log costs the application nothing. */
static const CaptureOps *const table[] = {&capture_logical, &capture_trigger};

const CaptureOps *
capture_ops(const char *name)
{
    for (guint i = 0; i < G_N_ELEMENTS(table); i++) {
        if (strcmp(table[i]->name, name) == 0)
            return table[i];
    }
    return NULL;
}

static const CaptureOps *
choose_forced(Rewrite *rewrite, const char *name, char **ret_why, GError **error)
{
    const CaptureOps *ops = capture_ops(name);
    g_autofree char *why = NULL;

    g_assert(ops != NULL); /* the option was checked */
    if (!ops->check(rewrite, &why, error))
        return NULL;
    if (why == NULL) {
        *ret_why = g_strdup("as asked for (--capture)");
        return ops;
    }
    seam_error_set(error, SEAM_ERROR_REFUSED, "--capture %s cannot work here: %s", name, why);
    seam_error_hint(error, "leave the choice to pgseam (--capture auto), or remove the reason");
    return NULL;
}

const CaptureOps *
capture_choose(Rewrite *rewrite, char **ret_why, GError **error)
{
    const char *asked = rewrite->run->options.capture;
    g_autoptr(GString) reasons = g_string_new(NULL);

    if (asked != NULL && strcmp(asked, "auto") != 0)
        return choose_forced(rewrite, asked, ret_why, error);
    for (guint i = 0; i < G_N_ELEMENTS(table); i++) {
        g_autofree char *why = NULL;

        if (!table[i]->check(rewrite, &why, error))
            return NULL;
        if (why == NULL) {
            *ret_why = reasons->len > 0 ? g_strdup(reasons->str) : g_strdup("it costs the application nothing");
            return table[i];
        }
        g_string_append_printf(reasons, "%s%s cannot work: %s", reasons->len > 0 ? "; " : "", table[i]->name, why);
    }
    seam_error_set(error, SEAM_ERROR_REFUSED, "the changes of %s.%s cannot be captured", rewrite->schema,
                   rewrite->table);
    seam_error_detail(error, "%s", reasons->str);
    return NULL;
}

gboolean
capture_take_truncate(Rewrite *rewrite, const Flow *flow, DbConn *conn, gboolean *ret_truncated, GError **error)
{
    if (rewrite->is_swapped)
        return trigger_take_truncate(rewrite, &trigger_reverse, conn, ret_truncated, error);
    return capture_ops(rewrite->capture_kind)->take_truncate(rewrite, conn, ret_truncated, error);
}

gboolean
capture_start_reverse(Rewrite *rewrite, DbConn *conn, GError **error)
{
    return trigger_create(rewrite, &trigger_reverse, conn, error);
}

gboolean
capture_remove_reverse(Rewrite *rewrite, const Step *step, gboolean is_live, GError **error)
{
    return trigger_remove(rewrite, &trigger_reverse, step, is_live, error);
}
