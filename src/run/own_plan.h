/*
 * Plans that pgseam makes of itself, without a file: they run as migrations, so the journal gets all that it gets of
 * others.
 */
#ifndef PGSEAM_RUN_OWN_PLAN_H
#define PGSEAM_RUN_OWN_PLAN_H

#include "db/conn.h"
#include "plan/plan.h"

/* A plan without steps, under the settings of the session. `migration` is taken over; `command` stands where others
 * have their file; `search_path` is the one that the runner sets. The caller frees. */
Plan *own_plan(DbConn *conn, char *migration, const char *command, const char *search_path);

#endif
