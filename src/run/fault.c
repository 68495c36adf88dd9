#include "run/fault.h"

#include <signal.h>
#include <stdlib.h>
#include <string.h>

#include "base/error.h"

const char *const fault_points[] = {
    "step.begin",      /* probed, nothing done */
    "step.intent",     /* the journal says running */
    "guard.locked",    /* all is done in the transaction, not committed */
    "guard.committed", /* committed, nobody told */
    "batch.work",      /* rows changed, cursor not yet written */
    "batch.cursor",    /* cursor written, not committed */
    "batch.committed",
    "alone.before",          /* before a statement that may not be in a transaction */
    "alone.after",           /* it is done, the journal does not know */
    "step.verified",         /* verified, not noted */
    "undo.begin",            /* before a step is undone */
    "undo.done",             /* undone, not noted */
    "rewrite.copy.range",    /* a range of blocks is copied and noted */
    "rewrite.copy.finished", /* all ranges are there, dirty keys deleted, not committed */
    "rewrite.index.built",   /* one index is built */
    "rewrite.apply.done",    /* a batch of dirty keys is applied, not committed */
    "rewrite.swap.drained",  /* under the lock, nothing is dirty any more */
    "rewrite.swap.done",     /* the tables are exchanged and committed, what captured is still there */
    "quarantine.work",       /* rows in quarantine are written down, not committed */
    "phase.end",             /* all steps of a phase are done, its state is not noted */
    NULL,
};

/* Parse the variable once: name, action, and at which passing. */
static gboolean
wanted(const char *name, char **ret_action)
{
    static int passed;
    const char *variable = getenv("PGSEAM_FAULT");
    g_auto(GStrv) parts = variable != NULL ? g_strsplit(variable, ":", 3) : NULL;
    int at;

    if (parts == NULL || g_strv_length(parts) < 2 || strcmp(parts[0], name) != 0)
        return FALSE;
    at = parts[2] != NULL ? atoi(parts[2]) : 1;
    if (++passed != at)
        return FALSE;
    *ret_action = g_strdup(parts[1]);
    return TRUE;
}

static void
lose_session(Run *run)
{
    g_autofree char *pid = g_strdup_printf("%d", db_backend_pid(run->work));

    db_run(run->control, "SELECT pg_catalog.pg_terminate_backend($1::int)", DB_ARGS(pid), NULL);
}

gboolean
fault_point(Run *run, const char *name, GError **error)
{
    g_autofree char *action = NULL;

    g_assert(g_strv_contains(fault_points, name));
    if (!wanted(name, &action))
        return TRUE;
    if (strcmp(action, "kill") == 0)
        raise(SIGKILL);
    else if (strcmp(action, "stop") == 0)
        raise(SIGSTOP);
    else if (strcmp(action, "lose") == 0)
        lose_session(run);
    else {
        seam_error_set(error, SEAM_ERROR_FAILED, "fault injected at %s", name);
        return FALSE;
    }
    return TRUE;
}
