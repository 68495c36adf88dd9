/*
 * Effects: the lock table. One row says what one kind of statement does to one relation if it runs as it stands.
 *
 * Law: rows are measured on each supported server (design.md, section 8); what differs between versions is two rows.
 */
#ifndef PGSEAM_RULES_EFFECTS_H
#define PGSEAM_RULES_EFFECTS_H

#include <glib.h>

#include "rules/locks.h"

/* What happens while the lock is held. */
typedef enum LockHold {
    HOLD_INSTANT, /* catalog rows only */
    HOLD_SCAN,    /* reads the table */
    HOLD_BUILD,   /* builds an index */
    HOLD_REWRITE, /* writes the table anew */
    HOLD_BATCH,   /* as long as one batch of rows */
    HOLD_UNKNOWN, /* nobody knows: opaque */
} LockHold;

const char *lock_hold_name(LockHold hold);
LockHold lock_hold_of_name(const char *name);

typedef enum EffectOn { ON_TABLE, ON_REFERENCED, ON_PARTITION } EffectOn;

typedef struct EffectRow {
    const char *statement; /* "ALTER TABLE ... ADD COLUMN" */
    EffectOn on;
    LockMode mode;
    LockHold hold;
    int since; /* first major version that behaves so, 0: all supported */
    int until; /* last one, 0: all supported */
    const char *source;
} EffectRow;

/* The whole table; `ret_n` rows. */
const EffectRow *effect_rows(gsize *ret_n);

/* The row for a statement on a server (server_version_num), or NULL if there is none. */
const EffectRow *effect_find(const char *statement, EffectOn on, int server_version);

/* "ACCESS EXCLUSIVE for a scan": how the plan says what the plain statement would have done; NULL if there is no row.
 * The caller frees. */
char *effect_describe(const char *statement, int server_version);

#endif
