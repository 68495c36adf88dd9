/*
 * The staging lock: past autovacuum without being felt.
 */
#include <string.h>

#include "run/attempt.h"

#define STAGING_MARGIN_MS 1500
#define SHORT_STAGINGS    3

static gboolean
is_vacuumed(const Attempt *attempt, const LockTarget *target)
{
    for (guint i = 0; attempt->blockers != NULL && i < attempt->blockers->len; i++) {
        const Blocker *blocker = g_ptr_array_index(attempt->blockers, i);

        if (blocker->kind == BLOCKER_AUTOVACUUM && g_strcmp0(blocker->relation, target->relation) == 0)
            return TRUE;
    }
    return FALSE;
}

/* The targets, the vacuumed ones first: where we have to wait for deadlock_timeout we hold nothing yet. */
static GPtrArray *
staging_order(const Attempt *attempt)
{
    GPtrArray *order = g_ptr_array_new();

    for (int round = 0; round < 2; round++) {
        for (guint i = 0; i < attempt->targets->len; i++) {
            LockTarget *target = g_ptr_array_index(attempt->targets, i);

            if (is_vacuumed(attempt, target) == (round == 0))
                g_ptr_array_add(order, target);
        }
    }
    return order;
}

/* PostgreSQL cancels an autovacuum for us after deadlock_timeout. That long only the first lock is awaited; the others,
 * with the first in hand since `since`, for the budget, all of them together. A second autovacuum costs one more
 * attempt, which begins with it. Only where one comes back faster than the other gives way, so that this never ends,
 * the others are awaited for long, too: the application does not feel this lock, only other DDL and VACUUM do. */
static int
staging_timeout(const Attempt *attempt, gint64 since)
{
    const Run *run = attempt->run;
    int limit = run_lock_timeout(run, 5) + (attempt->number > SHORT_STAGINGS ? run->deadlock_ms : 0);

    if (since == 0)
        return run->deadlock_ms + STAGING_MARGIN_MS;
    return MAX(1, limit - (int)((g_get_monotonic_time() - since) / 1000));
}

gboolean
attempt_stage(Attempt *attempt, GError **error)
{
    Run *run = attempt->run;
    g_autoptr(GPtrArray) order = staging_order(attempt);
    gint64 since = 0;

    for (guint i = 0; i < order->len; i++) {
        if (!db_set_local_ms(run->work, "lock_timeout", staging_timeout(attempt, since), error) ||
            !attempt_lock(attempt, g_ptr_array_index(order, i), LOCK_SHARE_UPDATE_EXCLUSIVE, error))
            return FALSE;
        if (since == 0)
            since = g_get_monotonic_time();
    }
    return TRUE;
}
