#include "run/cancel.h"

#include <signal.h>
#include <string.h>

#include "base/error.h"

static volatile sig_atomic_t caught;

static void
on_signal(int number)
{
    if (caught != 0) {
        signal(number, SIG_DFL);
        raise(number);
    }
    caught = number;
}

void
cancel_install(void)
{
    static const int numbers[] = {SIGINT, SIGTERM, SIGHUP};
    struct sigaction action;

    memset(&action, 0, sizeof(action));
    action.sa_handler = on_signal;
    sigemptyset(&action.sa_mask);
    for (guint i = 0; i < G_N_ELEMENTS(numbers); i++)
        sigaction(numbers[i], &action, NULL);
    signal(SIGPIPE, SIG_IGN);
}

gboolean
cancel_check(GError **error)
{
    if (caught == 0)
        return TRUE;
    seam_error_set(error, SEAM_ERROR_CANCELLED, "stopped by %s", strsignal(caught));
    return FALSE;
}
