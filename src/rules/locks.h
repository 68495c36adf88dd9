/*
 * PostgreSQL's table-level lock modes. Source: manual section 13.3.1, table 13.2; src/backend/storage/lmgr/lock.c,
 * LockConflicts.
 */
#ifndef PGSEAM_RULES_LOCKS_H
#define PGSEAM_RULES_LOCKS_H

#include <glib.h>

/* From weak to strong, numbered as in src/include/storage/lockdefs.h. */
typedef enum LockMode {
    LOCK_NONE,
    LOCK_ACCESS_SHARE,
    LOCK_ROW_SHARE,
    LOCK_ROW_EXCLUSIVE,
    LOCK_SHARE_UPDATE_EXCLUSIVE,
    LOCK_SHARE,
    LOCK_SHARE_ROW_EXCLUSIVE,
    LOCK_EXCLUSIVE,
    LOCK_ACCESS_EXCLUSIVE,
} LockMode;

/* "ACCESS EXCLUSIVE", as LOCK TABLE takes it; "NONE". */
const char *lock_mode_name(LockMode mode);

/* "AccessExclusiveLock", as pg_locks.mode shows it. */
const char *lock_mode_catalog_name(LockMode mode);

/* The mode of either spelling; LOCK_NONE for anything else. */
LockMode lock_mode_of_name(const char *name);

/* TRUE if two transactions cannot hold both at the same time on one relation. */
gboolean lock_modes_conflict(LockMode a, LockMode b);

#endif
