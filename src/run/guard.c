#include "run/guard.h"

#include <string.h>

#include "base/error.h"
#include "base/sqltext.h"
#include "run/attempt.h"
#include "run/blockers.h"
#include "run/fault.h"
#include "run/journal.h"
#include "run/patience.h"
#include "run/progress.h"
#include "run/standby.h"
#include "run/throttle.h"

#define LOOK_MS        50
#define WATCH_MS       10
#define BACKOFF_MS     100
#define BACKOFF_CAP_MS 5000
#define STRONG_EACH    4
#define RETELL_MS      5000

gboolean
guard_is_retryable(const GError *error)
{
    static const char *const states[] = {"55P03", "57014", "40P01", "40001"};

    for (guint i = 0; i < G_N_ELEMENTS(states); i++) {
        if (seam_error_has_sqlstate(error, states[i]))
            return TRUE;
    }
    return seam_error_is(error, SEAM_ERROR_LOCK);
}

static int
compare_targets(gconstpointer a, gconstpointer b)
{
    const LockTarget *left = *(const LockTarget *const *)a;
    const LockTarget *right = *(const LockTarget *const *)b;

    /* Whoever uses a view locks it before its tables. */
    if (left->is_view != right->is_view)
        return right->is_view - left->is_view;
    return strcmp(left->relation, right->relation);
}

static void
add_target(Attempt *attempt, const StepLock *lock)
{
    LockTarget *target = g_new0(LockTarget, 1);

    attempt->mode = MAX(attempt->mode, lock->mode);
    target->relation = sql_quote_name(lock->schema, lock->table);
    target->mode = lock->mode;
    target->is_view = lock->is_view;
    for (guint i = 0; i < attempt->targets->len; i++) {
        LockTarget *other = g_ptr_array_index(attempt->targets, i);

        if (strcmp(other->relation, target->relation) == 0) {
            other->mode = MAX(other->mode, target->mode);
            lock_target_free(target);
            return;
        }
    }
    g_ptr_array_add(attempt->targets, target);
}

/* Some locks are taken only on the way back. */
static gboolean
is_meant(const Attempt *attempt, const StepLock *lock)
{
    return !lock->for_undo || attempt->note == GUARD_NOTE_UNDONE;
}

static void
attempt_init(Attempt *attempt, Run *run, const Step *step, GuardNote note)
{
    memset(attempt, 0, sizeof(*attempt));
    attempt->run = run;
    attempt->step = step;
    attempt->note = note;
    attempt->deadline = g_get_monotonic_time() + (gint64)run->options.lock_deadline_s * G_USEC_PER_SEC;
    attempt->targets = g_ptr_array_new_with_free_func(lock_target_free);
    for (guint i = 0; i < step->locks->len; i++) {
        const StepLock *lock = g_ptr_array_index(step->locks, i);

        if (is_meant(attempt, lock))
            add_target(attempt, lock);
    }
    g_ptr_array_sort(attempt->targets, compare_targets);
}

static void
attempt_clear(Attempt *attempt)
{
    g_ptr_array_unref(attempt->targets);
    g_clear_pointer(&attempt->blockers, g_ptr_array_unref);
    g_free(attempt->unseen);
    g_free(attempt->told);
}

/* Who is in the way, here and on the standbys. A standby that cannot be asked is in the way, too. */
static gboolean
look(Attempt *attempt, GError **error)
{
    Run *run = attempt->run;
    g_autoptr(GError) why = NULL;

    g_clear_pointer(&attempt->blockers, g_ptr_array_unref);
    g_clear_pointer(&attempt->unseen, g_free);
    attempt->blockers = blockers_find(run->watch, attempt->targets, db_backend_pid(run->work), error);
    if (attempt->blockers == NULL)
        return FALSE;
    if (!standby_blockers(run, attempt->targets, attempt->blockers, &why)) {
        if (!seam_error_is(why, SEAM_ERROR_FAILED) && !seam_error_is(why, SEAM_ERROR_REFUSED)) {
            g_propagate_error(error, g_steal_pointer(&why));
            return FALSE;
        }
        attempt->unseen = g_strdup(why->message);
    }
    patience_complete_ages(run, attempt->blockers);
    return TRUE;
}

/* A holder that has been there for longer than the budget will not be gone within it. Autovacuum is left to the staging
 * lock, except where it does not give way. */
static gboolean
is_old(const Attempt *attempt, const Blocker *blocker)
{
    return blocker->kind == BLOCKER_WRAPAROUND ||
           (blocker->kind != BLOCKER_AUTOVACUUM && blocker->age_ms > attempt->run->options.lock_budget_ms);
}

static gboolean
is_clear(const Attempt *attempt)
{
    for (guint i = 0; i < attempt->blockers->len; i++) {
        if (is_old(attempt, g_ptr_array_index(attempt->blockers, i)))
            return FALSE;
    }
    return attempt->unseen == NULL;
}

static gboolean
set_reason(Attempt *attempt, const char *reason, GError **error)
{
    return journal_set_reason(attempt->run->control, attempt->run->migration, reason, error);
}

static char *
describe(const Attempt *attempt)
{
    g_autofree char *who = blockers_describe(attempt->blockers);

    if (attempt->unseen == NULL)
        return g_steal_pointer(&who);
    return g_strdup_printf("%s%s%s", who, who[0] != '\0' ? "\n" : "", attempt->unseen);
}

/* Tell who is in the way: at first on stderr and in the history; in the status again when it is somebody else. */
static gboolean
tell(Attempt *attempt, GError **error)
{
    Run *run = attempt->run;
    g_autofree char *who = describe(attempt);
    g_autofree char *reason = NULL;
    gboolean is_first = attempt->told == NULL;

    if (who[0] == '\0' || (!is_first && (strcmp(who, attempt->told) == 0 ||
                                         g_get_monotonic_time() - attempt->told_at < RETELL_MS * 1000)))
        return TRUE;
    g_free(attempt->told);
    attempt->told = g_strdup(who);
    attempt->told_at = g_get_monotonic_time();
    reason = g_strdup_printf("waiting without queueing; in the way: %s", who);
    if (!set_reason(attempt, reason, error))
        return FALSE;
    if (!is_first)
        return TRUE;
    progress_say(run->progress, "  waiting without queueing; in the way:\n%s", who);
    return journal_event(run->control, run->migration, attempt->step->id, "blocked", who, error);
}

static gboolean
is_late(const Attempt *attempt)
{
    return g_get_monotonic_time() > attempt->deadline;
}

/* Wait, without queueing, until no old holder is left; with the policies for those who are. At the deadline the caller
 * sees that it is not clear. */
static gboolean
wait_until_clear(Attempt *attempt, GError **error)
{
    Run *run = attempt->run;

    for (;;) {
        if (!throttle_refresh(run, error) || !look(attempt, error) || (!is_clear(attempt) && !tell(attempt, error)) ||
            !patience_apply(run, attempt->blockers, error))
            return FALSE;
        if (is_clear(attempt) || is_late(attempt))
            return TRUE;
        if (!run_sleep(run, LOOK_MS, error))
            return FALSE;
    }
}

static gboolean
is_within_budget(gpointer data, GError **error)
{
    const Attempt *attempt = data;
    int budget = attempt->run->options.lock_budget_ms;

    if ((g_get_monotonic_time() - attempt->strong_since) / 1000 < budget)
        return TRUE;
    seam_error_set(error, SEAM_ERROR_LOCK, "the lock budget of %d ms is spent", budget);
    return FALSE;
}

/* The watcher: while the strong lock is awaited or held, count who queues behind us, and end the attempt at the budget,
 * in the middle of the counting, too: on a busy server that takes its time. */
static gboolean
watch(gpointer data, GError **error)
{
    Attempt *attempt = data;
    Run *run = attempt->run;
    gint64 longest_ms = 0;
    int waiting = 0;
    gboolean ok;

    if (!run_tick(run, error))
        return FALSE;
    if (attempt->strong_since == 0 || attempt->is_long)
        return TRUE;
    if (!is_within_budget(attempt, error))
        return FALSE;
    db_on_wait(run->watch, WATCH_MS, is_within_budget, attempt);
    ok = blockers_queue(run->watch, attempt->targets, db_backend_pid(run->work), &waiting, &longest_ms, error);
    db_on_wait(run->watch, 0, NULL, NULL);
    attempt->victims = MAX(attempt->victims, waiting);
    return ok && is_within_budget(attempt, error);
}

/* The mode in which a step declares to lock a relation that is ours to lock; LOCK_NONE otherwise. */
static LockMode
declared_mode(const Attempt *attempt, const char *relation)
{
    LockMode mode = LOCK_NONE;

    for (guint i = 0; i < attempt->step->locks->len; i++) {
        const StepLock *lock = g_ptr_array_index(attempt->step->locks, i);
        g_autofree char *name = sql_quote_name(lock->schema, lock->table);

        if (lock->is_owned && is_meant(attempt, lock) && strcmp(name, relation) == 0)
            mode = MAX(mode, lock->mode);
    }
    return mode;
}

/* What a step renamed has another name when the step is undone: then the statement itself takes the lock. */
static gboolean
look_up(Attempt *attempt, const char *relation, gboolean *ret_is_there, GError **error)
{
    g_autoptr(DbResult) row = db_query(attempt->run->work, "SELECT pg_catalog.to_regclass($1) IS NOT NULL AS is_there",
                                       DB_ARGS(relation), error);

    if (row == NULL)
        return FALSE;
    *ret_is_there = db_bool(row, 0, "is_there");
    return TRUE;
}

gboolean
attempt_lock(Attempt *attempt, const LockTarget *target, LockMode most, GError **error)
{
    LockMode mode = MIN(declared_mode(attempt, target->relation), most);
    g_autofree char *sql = NULL;
    gboolean is_there = TRUE;

    if (mode == LOCK_NONE)
        return TRUE;
    if (attempt->note == GUARD_NOTE_UNDONE && !look_up(attempt, target->relation, &is_there, error))
        return FALSE;
    if (!is_there)
        return TRUE;
    sql = sql_build("LOCK TABLE ONLY ? IN ? MODE", sql_raw(target->relation), sql_raw(lock_mode_name(mode)));
    return db_run(attempt->run->work, sql, DB_NONE, error);
}

/* All targets in the order of their names. */
static gboolean
lock_all(Attempt *attempt, GError **error)
{
    for (guint i = 0; i < attempt->targets->len; i++) {
        if (!attempt_lock(attempt, g_ptr_array_index(attempt->targets, i), LOCK_ACCESS_EXCLUSIVE, error))
            return FALSE;
    }
    return TRUE;
}

/* While writers are held up there is no way past those who have read and write then: they hold what we want and wait
 * for us. So now and then an attempt takes the locks first and settles under them; seldom, since then readers wait,
 * too, and whoever reads on with the snapshot that it has cannot be told from others. */
static gboolean
enter(Attempt *attempt, GError **error)
{
    const GuardEntry *entry = attempt->entry;
    Run *run = attempt->run;

    run->is_locked_first = attempt->number % STRONG_EACH == 0;
    if (run->is_locked_first)
        return entry->lock_views(run, attempt->step, error) && lock_all(attempt, error) &&
               entry->settle(run, attempt->step, error);
    return entry->settle(run, attempt->step, error) && lock_all(attempt, error);
}

static gboolean
do_parts(Attempt *attempt, GError **error)
{
    for (guint i = 0; i < attempt->parts->len; i++) {
        const GuardPart *part = g_ptr_array_index(attempt->parts, i);

        if (part->work(attempt->run, part->step, error))
            continue;
        if (attempt->parts->len > 1) /* the runner knows it of a single one */
            run_place_error(part->step, error);
        return FALSE;
    }
    return TRUE;
}

/* From here on the application can feel us. One target: the statement takes its lock itself, one round trip less. */
static gboolean
do_strong(Attempt *attempt, GError **error)
{
    Run *run = attempt->run;
    int budget = run->options.lock_budget_ms;

    if (!db_set_local_ms(run->work, "lock_timeout", run_lock_timeout(run, attempt->entry != NULL ? 1 : 3), error) ||
        !db_set_local_ms(run->work, "statement_timeout", attempt->is_long ? 0 : budget, error))
        return FALSE;
    attempt->strong_since = g_get_monotonic_time();
    if (attempt->entry != NULL ? !enter(attempt, error) : attempt->targets->len > 1 && !lock_all(attempt, error))
        return FALSE;
    /* Many short statements pass between two looks of the watcher: what took too long in all is given up. */
    return do_parts(attempt, error) && (attempt->entry == NULL || is_within_budget(attempt, error)) &&
           fault_point(run, "guard.locked", error) && run_commit(run, error);
}

static gboolean
note_parts(Attempt *attempt, GError **error)
{
    StepStatus status = attempt->note == GUARD_NOTE_DONE ? STEP_DONE : STEP_UNDONE;
    Run *run = attempt->run;

    for (guint i = 0; attempt->note != GUARD_NOTE_NOTHING && i < attempt->parts->len; i++) {
        const GuardPart *part = g_ptr_array_index(attempt->parts, i);

        if (!journal_set_step(run->work, run->migration, part->step->id, status, error))
            return FALSE;
    }
    return TRUE;
}

/* How long the server lets our transaction sit idle, should we freeze. Where the work uses other sessions as well, it
 * is idle by intent, and keeps to the budget by itself. */
static int
idle_limit(const Attempt *attempt)
{
    int budget = attempt->run->options.lock_budget_ms;

    if (attempt->is_long)
        return 60000;
    return attempt->entry != NULL ? MAX(2 * budget, 500) : MAX(budget, 100);
}

static gboolean
try_once(Attempt *attempt, GError **error)
{
    Run *run = attempt->run;
    int idle_ms = idle_limit(attempt);
    gboolean ok;

    attempt->number++;
    attempt->strong_since = 0;
    db_on_wait(run->work, WATCH_MS, watch, attempt);
    ok = run_begin(run, idle_ms, error) && note_parts(attempt, error) &&
         (attempt->mode < LOCK_SHARE_UPDATE_EXCLUSIVE || attempt_stage(attempt, error)) && do_strong(attempt, error);
    db_on_wait(run->work, 100, run_tick, run);
    if (!ok)
        db_abort(run->work);
    if (attempt->entry != NULL)
        attempt->entry->after(run, attempt->step);
    return ok;
}

static int
backoff_ms(int number)
{
    int base = MIN(BACKOFF_CAP_MS, BACKOFF_MS * (1 << MIN(number - 1, 6)));

    return g_random_int_range(base / 2, base + 1);
}

static gboolean
set_deadline_error(const Attempt *attempt, GError **error)
{
    g_autofree char *who = describe(attempt);
    const char *relation = attempt->targets->len > 0
                               ? ((const LockTarget *)g_ptr_array_index(attempt->targets, 0))->relation
                               : "what the statement needs";

    seam_error_set(error, SEAM_ERROR_LOCK, "could not lock %s (%s) within %d ms, tried for %d s (%d attempts)",
                   relation, lock_mode_name(attempt->mode), attempt->run->options.lock_budget_ms,
                   attempt->run->options.lock_deadline_s, attempt->number);
    seam_error_detail(error, "%s%sat most %d session%s queued behind us at a time", who, who[0] != '\0' ? "\n" : "",
                      attempt->victims, attempt->victims == 1 ? "" : "s");
    seam_error_hint(error, "see `pgseam locks`; `pgseam resume` tries again, `pgseam rollback` undoes");
    return FALSE;
}

static gboolean
back_off(Attempt *attempt, const GError *why, GError **error)
{
    g_autofree char *line = NULL;
    g_autofree char *who = NULL;
    Run *run = attempt->run;
    g_autoptr(GPtrArray) seen = g_steal_pointer(&attempt->blockers);

    if (!look(attempt, error))
        return FALSE;
    if (attempt->blockers->len == 0 && seen != NULL) {
        g_ptr_array_unref(attempt->blockers);
        attempt->blockers = g_steal_pointer(&seen);
    }
    who = describe(attempt);
    line = g_strdup_printf("attempt %d: %s; %d queued behind us%s%s", attempt->number, why->message, attempt->victims,
                           who[0] != '\0' ? "; " : "", who);
    return tell(attempt, error) &&
           journal_event(run->control, run->migration, attempt->step->id, "lock", line, error) &&
           run_sleep(run, backoff_ms(attempt->number), error);
}

/* What comes before may take a while, in which somebody else may come into the way. */
static gboolean
get_ready(Attempt *attempt, GError **error)
{
    do {
        if (attempt->mode > LOCK_ROW_EXCLUSIVE && (!wait_until_clear(attempt, error) || !is_clear(attempt)))
            return FALSE;
        if (attempt->entry == NULL)
            return TRUE;
        if (!attempt->entry->before(attempt->run, attempt->step, error) || !look(attempt, error))
            return FALSE;
    } while (!is_clear(attempt) && !is_late(attempt));
    return TRUE;
}

/* Wait, try, back off. *ret_done: it is done; otherwise once more. The first try is made however late it is. */
static gboolean
one_round(Attempt *attempt, gboolean *ret_done, GError **error)
{
    g_autoptr(GError) why = NULL;

    if (!get_ready(attempt, error))
        return FALSE;
    if (is_late(attempt) && attempt->number > 0)
        return FALSE;
    *ret_done = try_once(attempt, &why);
    if (*ret_done)
        return attempt->told == NULL || set_reason(attempt, NULL, error);
    if (guard_is_retryable(why))
        return back_off(attempt, why, error);
    g_propagate_error(error, g_steal_pointer(&why));
    return FALSE;
}

static gboolean
apply(Attempt *attempt, GError **error)
{
    gboolean is_done = FALSE;

    while (!is_done) {
        GError *why = NULL;

        if (one_round(attempt, &is_done, &why))
            continue;
        if (why == NULL)
            return set_deadline_error(attempt, error);
        g_propagate_error(error, why);
        return FALSE;
    }
    return TRUE;
}

static gboolean
run_parts(Run *run, const GPtrArray *parts, const Attempt *how, GError **error)
{
    Attempt attempt;
    gboolean ok;

    attempt_init(&attempt, run, ((const GuardPart *)g_ptr_array_index(parts, 0))->step, how->note);
    attempt.parts = parts;
    attempt.is_long = how->is_long;
    attempt.entry = how->entry;
    ok = apply(&attempt, error);
    attempt_clear(&attempt);
    return ok && fault_point(run, "guard.committed", error);
}

static gboolean
guard_run(Run *run, const Step *step, GuardWork work, const Attempt *how, GError **error)
{
    g_autoptr(GPtrArray) parts = g_ptr_array_new();
    GuardPart part = {step, work};

    g_ptr_array_add(parts, &part);
    return run_parts(run, parts, how, error);
}

gboolean
guard_apply_entering(Run *run, const Step *step, const GuardEntry *entry, GError **error)
{
    return guard_run(run, step, entry->work, &(Attempt){.note = GUARD_NOTE_NOTHING, .entry = entry}, error);
}

gboolean
guard_apply_joined(Run *run, const GPtrArray *parts, GError **error)
{
    return run_parts(run, parts, &(Attempt){.note = GUARD_NOTE_DONE}, error);
}

gboolean
guard_apply(Run *run, const Step *step, GuardWork work, GuardNote note, GError **error)
{
    return guard_run(run, step, work, &(Attempt){.note = note}, error);
}

gboolean
guard_apply_long(Run *run, const Step *step, GuardWork work, GuardNote note, GError **error)
{
    return guard_run(run, step, work, &(Attempt){.note = note, .is_long = TRUE}, error);
}
