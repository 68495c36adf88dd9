#include "pace.h"

/* After a stall the clients may catch up so much, not more: a burst would hide how long they stood. */
#define CATCH_UP_MICROS 200000

void
pace_init(Pace *pace, double rate)
{
    g_mutex_init(&pace->lock);
    g_cond_init(&pace->changed);
    pace->rate = rate;
    pace->next = g_get_monotonic_time();
}

void
pace_clear(Pace *pace)
{
    g_mutex_clear(&pace->lock);
    g_cond_clear(&pace->changed);
}

void
pace_set_rate(Pace *pace, double rate)
{
    g_autoptr(GMutexLocker) locker G_GNUC_UNUSED = g_mutex_locker_new(&pace->lock);

    pace->rate = rate;
    pace->next = g_get_monotonic_time();
    g_cond_broadcast(&pace->changed);
}

static void
wait_until(Pace *pace, gint64 time, const gint *stop)
{
    while (!g_atomic_int_get(stop) && g_get_monotonic_time() < time)
        if (!g_cond_wait_until(&pace->changed, &pace->lock, time))
            break;
}

void
pace_wait(Pace *pace, int statements, const gint *stop)
{
    g_autoptr(GMutexLocker) locker G_GNUC_UNUSED = g_mutex_locker_new(&pace->lock);

    if (pace->rate <= 0)
        return;
    pace->next = MAX(pace->next, g_get_monotonic_time() - CATCH_UP_MICROS);
    pace->next += (gint64)(statements * 1e6 / pace->rate);
    wait_until(pace, pace->next, stop);
}

void
pace_sleep(Pace *pace, gint64 micros, const gint *stop)
{
    g_autoptr(GMutexLocker) locker G_GNUC_UNUSED = g_mutex_locker_new(&pace->lock);

    wait_until(pace, g_get_monotonic_time() + micros, stop);
}

void
pace_wake(Pace *pace)
{
    g_autoptr(GMutexLocker) locker G_GNUC_UNUSED = g_mutex_locker_new(&pace->lock);

    g_cond_broadcast(&pace->changed);
}
