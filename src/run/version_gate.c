#include "run/version_gate.h"

#include "base/error.h"
#include "base/units.h"
#include "run/journal.h"
#include "run/progress.h"
#include "run/quarantine.h"
#include "run/version_use.h"
#include "run_queries.h"

/* A statement that takes a tenth of a millisecond is met by few looks: many of them make up for it. */
#define LOOK_EVERY_MS     10
#define LOOK_SELDOM_MS    200
#define LOOKS_WHILE_QUIET 300
#define NOTE_EVERY_MS     1000
#define MOST_SHOWN        20

static gint64
now_ms(void)
{
    return g_get_monotonic_time() / 1000;
}

static gboolean
begin_watch(VersionWatch *watch, Run *run, VersionSide side, GError **error)
{
    *watch = (VersionWatch){.migration = run->migration, .schema = g_strdup(run->plan->version), .side = side};
    version_watch_of_plan(watch, run->plan);
    return version_watch_begin(watch, run->control, error);
}

static gboolean
look_for(Run *run, const VersionWatch *watch, gint64 look_ms, GError **error)
{
    gint64 until = now_ms() + look_ms;
    gboolean seen;

    while (look_ms > 0) {
        gint64 left;

        if (!version_watch_look(watch, run->control, &seen, error))
            return FALSE;
        left = until - now_ms();
        if (left <= 0)
            break;
        if (!run_sleep(run, (int)MIN(left, LOOK_EVERY_MS), error))
            return FALSE;
    }
    return TRUE;
}

typedef gboolean (*UserTest)(const VersionUser *user);

static gboolean
is_recent(const VersionUser *user)
{
    return user->is_recent;
}

static gboolean
is_still_connected(const VersionUser *user)
{
    return !user->is_recent && !user->has_moved && user->pids->len > 0;
}

/* Those of a side, a line each; NULL: nobody. The caller frees. */
static char *
describe(const GPtrArray *users, VersionSide side, UserTest test)
{
    GString *out = NULL;
    guint n = 0;

    for (guint i = 0; i < users->len; i++) {
        const VersionUser *user = g_ptr_array_index(users, i);
        g_autofree char *line = NULL;

        if (user->side != side || !test(user) || n++ >= MOST_SHOWN)
            continue;
        line = version_user_describe(user);
        if (out == NULL)
            out = g_string_new(line);
        else
            g_string_append_printf(out, "\n%s", line);
    }
    if (n > MOST_SHOWN)
        g_string_append_printf(out, "\nand %u more, see `pgseam version users`", n - MOST_SHOWN);
    return out != NULL ? g_string_free(out, FALSE) : NULL;
}

/* They may be idle, so no look has met them since; only their owner can tell whether they are still the old ones. */
static void
show_connected(Run *run, const GPtrArray *users)
{
    g_autofree char *list = describe(users, SIDE_OLD, is_still_connected);

    if (list != NULL)
        progress_say(run->progress, "note: seen with the old shape before, and still connected:\n%s", list);
}

static void
set_refused(const Run *run, const GateOptions *options, const char *list, GError **error)
{
    g_autofree char *within = units_ms_text(MAX(options->for_ms, options->look_ms));
    const char *name = run->plan->migration;

    seam_error_set(error, SEAM_ERROR_REFUSED,
                   "migration %s cannot be completed: the old application still uses the tables that it changes", name);
    seam_error_detail(error, "seen within %s to work with them, and not through version \"%s\":\n%s", within,
                      run->plan->version, list);
    seam_error_hint(error,
                    "nothing was changed. Stop them, or move them to the new version, and complete again; `pgseam "
                    "complete %s --when-drained --for 1h` waits for that; --force completes although they are there, "
                    "and "
                    "breaks them",
                    name);
}

static gboolean
refuse_or_force(Run *run, const GateOptions *options, const VersionWatch *watch, GError **error)
{
    g_autoptr(GPtrArray) users = version_users(run->control, run->migration, watch->begun, options->for_ms, error);
    g_autofree char *list = users != NULL ? describe(users, SIDE_OLD, is_recent) : NULL;
    g_autofree char *message = NULL;

    if (users == NULL)
        return FALSE;
    show_connected(run, users);
    if (list == NULL)
        return TRUE;
    if (!options->is_forced) {
        set_refused(run, options, list, error);
        return FALSE;
    }
    progress_say(run->progress, "warning: completed by force, although these still use the old shape:\n%s", list);
    message = g_strdup_printf("complete --force with users of the old shape:\n%s", list);
    return journal_event(run->control, run->migration, 0, "operator", message, error);
}

/* Who was on the side last, for the line of progress. The caller frees. */
static char *
last_of(const GPtrArray *users, const VersionWatch *watch)
{
    const VersionUser *last = NULL;
    g_autofree char *quiet = units_ms_text(watch->quiet_ms / 1000 * 1000);
    g_autofree char *line = NULL;

    for (guint i = 0; i < users->len; i++) {
        const VersionUser *user = g_ptr_array_index(users, i);

        if (user->side == watch->side && (last == NULL || user->ago_ms < last->ago_ms))
            last = user;
    }
    line = last != NULL ? version_user_describe(last) : g_strdup("nobody was seen");
    return g_strdup_printf("nobody for %s; %s", quiet, line);
}

/* Somebody else may have looked, too, and have seen who we did not. */
static gboolean
note_and_show(Run *run, VersionWatch *watch, gint64 for_ms, gboolean *ret_is_drained, GError **error)
{
    g_autoptr(GPtrArray) users = NULL;
    g_autofree char *others = NULL;
    g_autofree char *line = NULL;
    gboolean is_quiet = watch->quiet_ms >= for_ms;

    *ret_is_drained = FALSE;
    if (!version_watch_note(watch, run->control, error))
        return FALSE;
    users = version_users(run->control, run->migration, "now", for_ms, error);
    if (users == NULL)
        return FALSE;
    others = is_quiet ? describe(users, watch->side, is_recent) : NULL;
    if (others != NULL)
        watch->quiet_ms = 0;
    line = last_of(users, watch);
    progress_at(run->progress, 0, line);
    *ret_is_drained = is_quiet && others == NULL;
    if (*ret_is_drained)
        show_connected(run, users);
    return TRUE;
}

static int
stride_of(gint64 for_ms)
{
    return (int)CLAMP(for_ms / LOOKS_WHILE_QUIET, LOOK_EVERY_MS, LOOK_SELDOM_MS);
}

/* Time in which nobody looked (a stopped process, a lost server) is not counted, but for a second. */
static gboolean
wait_until_drained(Run *run, VersionWatch *watch, gint64 for_ms, GError **error)
{
    gint64 looked = now_ms();
    gint64 note_at = 0;
    gboolean is_drained = FALSE;

    while (!is_drained) {
        gint64 now;
        gboolean seen;
        gboolean was_quiet = watch->quiet_ms > 0;

        if (!version_watch_look(watch, run->control, &seen, error))
            return FALSE;
        now = now_ms();
        watch->quiet_ms = seen ? 0 : watch->quiet_ms + MIN(now - looked, NOTE_EVERY_MS);
        looked = now;
        if ((seen && was_quiet) || now >= note_at || watch->quiet_ms >= for_ms) {
            note_at = now + NOTE_EVERY_MS;
            if (!note_and_show(run, watch, for_ms, &is_drained, error))
                return FALSE;
        }
        if (!is_drained && !run_sleep(run, stride_of(for_ms), error))
            return FALSE;
    }
    return TRUE;
}

static gboolean
wait_with_recovery(Run *run, VersionWatch *watch, gint64 for_ms, GError **error)
{
    progress_begin(run->progress, "waiting until the old shape is not used", 0);
    for (;;) {
        g_autoptr(GError) why = NULL;

        if (wait_until_drained(run, watch, for_ms, &why))
            return TRUE;
        if (!seam_error_is(why, SEAM_ERROR_LOST)) {
            if (seam_error_is(why, SEAM_ERROR_CANCELLED))
                seam_error_hint(&why,
                                "migration %s stays at the gate; the same command goes on waiting, and what it has "
                                "waited counts",
                                run->plan->migration);
            g_propagate_error(error, g_steal_pointer(&why));
            return FALSE;
        }
        progress_say(run->progress, "  %s; once more", why->message);
        if (!run_reopen(run, error))
            return FALSE;
    }
}

/* How long to look, then. */
static gboolean
choose_look(Run *run, const GateOptions *options, gint64 *ret_look_ms, GError **error)
{
    g_autoptr(DbResult) others = NULL;

    *ret_look_ms = options->look_ms;
    if (options->alone_ms == 0)
        return TRUE;
    others = db_query(run->control, QUERY_OTHERS_CONNECTED, DB_NONE, error);
    if (others != NULL && !db_bool(others, 0, "is_so"))
        *ret_look_ms = options->alone_ms;
    return others != NULL;
}

gboolean
version_gate_pass(Run *run, const GateOptions *options, GError **error)
{
    g_auto(VersionWatch) watch = {0};
    gint64 look_ms;

    if (run->plan->version == NULL && options->waits) {
        seam_error_set(error, SEAM_ERROR_REFUSED, "migration %s makes no version, so nobody can tell who uses what",
                       run->plan->migration);
        seam_error_hint(error, "when the old application is gone: `pgseam complete %s`", run->plan->migration);
        return FALSE;
    }
    if (run->plan->version == NULL)
        return TRUE;
    if ((!options->is_left && !quarantine_gate(run, error)) || !begin_watch(&watch, run, SIDE_OLD, error))
        return FALSE;
    if (options->waits)
        return wait_with_recovery(run, &watch, options->for_ms, error);
    return choose_look(run, options, &look_ms, error) && look_for(run, &watch, look_ms, error) &&
           refuse_or_force(run, options, &watch, error);
}

static gboolean
warn(Run *run, gint64 look_ms, GError **error)
{
    g_auto(VersionWatch) watch = {0};
    g_autoptr(GPtrArray) users = NULL;
    g_autofree char *list = NULL;
    g_autofree char *message = NULL;

    if (!begin_watch(&watch, run, SIDE_NEW, error) || !look_for(run, &watch, look_ms, error))
        return FALSE;
    users = version_users(run->control, run->migration, watch.begun, 0, error);
    list = users != NULL ? describe(users, SIDE_NEW, is_recent) : NULL;
    if (users == NULL || list == NULL)
        return users != NULL;
    progress_say(run->progress, "warning: version \"%s\" is taken away from those who use it now:\n%s",
                 run->plan->version, list);
    message = g_strdup_printf("rollback with users of the new version:\n%s", list);
    return journal_event(run->control, run->migration, 0, "operator", message, error);
}

/* What cannot be looked at must not keep anybody from going back. */
gboolean
version_gate_warn(Run *run, gint64 look_ms, GError **error)
{
    GError *why = NULL;

    if (run->plan->version == NULL || look_ms == 0 || warn(run, look_ms, &why))
        return TRUE;
    if (seam_error_is(why, SEAM_ERROR_SQL)) {
        progress_say(run->progress, "note: who uses the version could not be seen: %s", why->message);
        g_error_free(why);
        return TRUE;
    }
    g_propagate_error(error, why);
    return FALSE;
}
