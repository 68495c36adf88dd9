#include "run/patience.h"

#include "base/error.h"
#include "run/journal.h"
#include "run/progress.h"
#include "run/standby.h"
#include "run/throttle.h"

#define SIGNAL_AGAIN_US (2 * G_USEC_PER_SEC)
#define FORGET_US       (60 * G_USEC_PER_SEC)
#define REMEMBERED      500

/* A transaction that was in the way. */
typedef struct Seen {
    gint64 first; /* monotonic microseconds */
    gint64 last;
    gint64 signalled;
    gboolean is_told; /* that we may not signal it */
} Seen;

struct Patience {
    GHashTable *seen; /* where and virtual transaction -> Seen */
};

void
patience_free(Patience *patience)
{
    if (patience == NULL)
        return;
    g_hash_table_unref(patience->seen);
    g_free(patience);
}

static gboolean
is_forgotten(gpointer key, gpointer value, gpointer now)
{
    return *(const gint64 *)now - ((const Seen *)value)->last > FORGET_US;
}

static Seen *
see(Run *run, const Blocker *blocker)
{
    g_autofree char *key = g_strdup_printf("%s %s", blocker->standby != NULL ? blocker->standby : "", blocker->vxid);
    gint64 now = g_get_monotonic_time();
    Seen *seen;

    if (run->patience == NULL) {
        run->patience = g_new0(Patience, 1);
        run->patience->seen = g_hash_table_new_full(g_str_hash, g_str_equal, g_free, g_free);
    }
    seen = g_hash_table_lookup(run->patience->seen, key);
    if (seen == NULL) {
        if (g_hash_table_size(run->patience->seen) > REMEMBERED)
            g_hash_table_foreach_remove(run->patience->seen, is_forgotten, &now);
        seen = g_new0(Seen, 1);
        seen->first = now;
        g_hash_table_insert(run->patience->seen, g_steal_pointer(&key), seen);
    }
    seen->last = now;
    return seen;
}

void
patience_complete_ages(Run *run, const GPtrArray *blockers)
{
    for (guint i = 0; i < blockers->len; i++) {
        Blocker *blocker = g_ptr_array_index(blockers, i);
        const Seen *seen = see(run, blocker);

        blocker->age_ms = MAX(blocker->age_ms, (seen->last - seen->first) / 1000);
    }
}

static gboolean
note(Run *run, const char *line, GError **error)
{
    progress_say(run->progress, "  %s", line);
    return journal_event(run->control, run->migration, run->step != NULL ? run->step->id : 0, "blocker", line, error);
}

static gboolean
tell_may_not(Run *run, const Blocker *blocker, const char *why, GError **error)
{
    Seen *seen = see(run, blocker);
    g_autofree char *who = blocker_describe(blocker);
    g_autofree char *line = g_strdup_printf("may not %s %s: %s; waiting instead",
                                            blocker_action_name(run->options.policies[blocker->kind].action), who, why);

    if (seen->is_told)
        return TRUE;
    seen->is_told = TRUE;
    return note(run, line, error);
}

static gboolean
send_signal(Run *run, const Blocker *blocker, BlockerAction action, GError **error)
{
    DbConn *conn = blocker->standby != NULL ? standby_session(run, blocker->standby) : run->watch;
    g_autofree char *who = blocker_describe(blocker);
    g_autofree char *line =
        g_strdup_printf("%s %s; its query began at %s", action == ACTION_CANCEL ? "cancelled" : "terminated", who,
                        blocker->query_start != NULL ? blocker->query_start : "a time we may not see");
    g_autoptr(GError) why = NULL;
    gboolean is_sent = FALSE;

    if (conn == NULL)
        return TRUE;
    if (blockers_signal(conn, blocker, action == ACTION_TERMINATE, &is_sent, &why))
        return !is_sent || note(run, line, error);
    if (blocker->standby != NULL || seam_error_has_sqlstate(why, "42501"))
        return tell_may_not(run, blocker, why->message, error);
    g_propagate_error(error, g_steal_pointer(&why));
    return FALSE;
}

static void
set_give_up_error(const Blocker *blocker, GError **error)
{
    g_autofree char *who = blocker_describe(blocker);

    seam_error_set(error, SEAM_ERROR_LOCK, "gave up because of %s, as --on-blocker %s=give-up says",
                   blocker_kind_doc(blocker->kind), blocker_kind_name(blocker->kind));
    seam_error_detail(error, "%s", who);
    seam_error_hint(error, "see `pgseam locks`; `pgseam resume` tries again, `pgseam rollback` undoes");
}

static gboolean
apply_one(Run *run, const Blocker *blocker, GError **error)
{
    const BlockerPolicy *policy = &run->options.policies[blocker->kind];
    Seen *seen = see(run, blocker);

    if (policy->action == ACTION_WAIT || blocker->age_ms <= run->options.lock_budget_ms)
        return TRUE;
    if (policy->action != ACTION_GIVE_UP && blocker->may_not != NULL)
        return tell_may_not(run, blocker, blocker->may_not, error);
    if (blocker->age_ms < policy->age_ms)
        return TRUE;
    if (policy->action == ACTION_GIVE_UP) {
        set_give_up_error(blocker, error);
        return FALSE;
    }
    if (seen->signalled != 0 && seen->last - seen->signalled < SIGNAL_AGAIN_US)
        return TRUE;
    seen->signalled = seen->last;
    return send_signal(run, blocker, policy->action, error);
}

gboolean
patience_apply(Run *run, const GPtrArray *blockers, GError **error)
{
    for (guint i = 0; i < blockers->len; i++) {
        if (!apply_one(run, g_ptr_array_index(blockers, i), error))
            return FALSE;
    }
    return TRUE;
}

gboolean
patience_watch_work(Run *run, char **ret_who, GError **error)
{
    g_autoptr(GPtrArray) blockers = blockers_of(run->watch, db_backend_pid(run->work), error);

    *ret_who = NULL;
    if (blockers == NULL)
        return FALSE;
    if (blockers->len == 0)
        return TRUE;
    patience_complete_ages(run, blockers);
    if (!throttle_refresh(run, error) || !patience_apply(run, blockers, error))
        return FALSE;
    *ret_who = blockers_describe(blockers);
    return TRUE;
}
