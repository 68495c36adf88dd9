#include "run/progress.h"

#include <stdio.h>
#include <string.h>
#include <unistd.h>

struct Progress {
    gboolean is_quiet;
    gboolean is_terminal;
    gboolean has_line;
    char *what;
    double total;
    double first_done;
    gint64 begun; /* monotonic microseconds */
    gint64 next_line;
};

Progress *
progress_new(gboolean is_quiet)
{
    Progress *progress = g_new0(Progress, 1);

    progress->is_quiet = is_quiet;
    progress->is_terminal = isatty(STDERR_FILENO) != 0;
    return progress;
}

void
progress_free(Progress *progress)
{
    if (progress == NULL)
        return;
    progress_end(progress);
    g_free(progress->what);
    g_free(progress);
}

void
progress_end(Progress *progress)
{
    if (progress->has_line)
        fputs("\r\033[K", stderr);
    progress->has_line = FALSE;
}

void
progress_say(Progress *progress, const char *format, ...)
{
    g_autofree char *line = NULL;
    va_list args;

    if (progress->is_quiet)
        return;
    va_start(args, format);
    line = g_strdup_vprintf(format, args);
    va_end(args);
    progress_end(progress);
    fprintf(stderr, "%s\n", line);
    fflush(stderr);
}

void
progress_begin(Progress *progress, const char *what, double total)
{
    g_free(progress->what);
    progress->what = g_strdup(what);
    progress->total = total;
    progress->first_done = -1;
    progress->begun = g_get_monotonic_time();
    progress->next_line = progress->begun + (progress->is_terminal ? 0 : G_USEC_PER_SEC);
}

void
progress_expect(Progress *progress, double total)
{
    progress->total = total;
}

double
progress_eta(double done, double total, double seconds)
{
    if (done <= 0 || total <= done || seconds <= 0)
        return total > 0 && done >= total ? 0 : -1;
    return (total - done) / (done / seconds);
}

static char *
describe(const Progress *progress, double done, const char *reason)
{
    double seconds = (double)(g_get_monotonic_time() - progress->begun) / G_USEC_PER_SEC;
    double moved = done - progress->first_done;
    double eta = progress_eta(moved, progress->total - progress->first_done, seconds);
    GString *line = g_string_new(progress->what);

    if (progress->total > 0)
        g_string_append_printf(line, ": %.0f of about %.0f (%.0f %%)", done, MAX(progress->total, done),
                               100 * done / MAX(progress->total, MAX(done, 1)));
    else if (done > 0)
        g_string_append_printf(line, ": %.0f", done);
    if (moved > 0 && seconds > 0)
        g_string_append_printf(line, ", %.0f/s", moved / seconds);
    if (eta >= 0)
        g_string_append_printf(line, ", %.0f s left", eta);
    if (reason != NULL)
        g_string_append_printf(line, " [%s]", reason);
    return g_string_free(line, FALSE);
}

void
progress_at(Progress *progress, double done, const char *reason)
{
    gint64 now = g_get_monotonic_time();
    g_autofree char *line = NULL;

    if (progress->first_done < 0)
        progress->first_done = done;
    if (progress->is_quiet || now < progress->next_line)
        return;
    line = describe(progress, done, reason);
    if (progress->is_terminal) {
        fprintf(stderr, "\r\033[K  %s", line);
        progress->has_line = TRUE;
    } else {
        fprintf(stderr, "  %s\n", line);
    }
    fflush(stderr);
    progress->next_line = now + (progress->is_terminal ? G_USEC_PER_SEC / 2 : 5 * G_USEC_PER_SEC);
}
