/*
 * What the recipe of ATTACH PARTITION and its checks share. Private to plan/.
 */
#ifndef PGSEAM_PLAN_ATTACH_H
#define PGSEAM_PLAN_ATTACH_H

#include "plan/recipe.h"

/* One ATTACH in hand. */
typedef struct Attach {
    PlanContext *ctx;
    const Target *parent;
    const Target *child;
    const FactTable *fallback; /* the default partition, or NULL */
    const AlterCmd *cmd;
    Phase phase;
    GPtrArray *drops; /* char *: what goes with the ATTACH: the helper constraints */
} Attach;

/* Refuse what PostgreSQL would refuse only after all the work: columns or CHECKs that are not the parent's. */
gboolean attach_check(const Attach *attach, GError **error);

/* Refuse what earlier statements of the file keep from being known: keys that they add, rows that they bring. */
gboolean attach_check_keys(const Attach *attach, GError **error);
gboolean attach_check_filled(const Attach *attach, GError **error);

#endif
