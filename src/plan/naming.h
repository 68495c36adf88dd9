/*
 * The names that PostgreSQL gives to constraints without one, so that a constraint which is made in other steps ends
 * under the name that the plain statement would have given it. Private to plan/.
 */
#ifndef PGSEAM_PLAN_NAMING_H
#define PGSEAM_PLAN_NAMING_H

#include "sql/stmt.h"

/* How many names are tried; PostgreSQL goes on for ever. */
#define CONSTRAINT_NAMES 10

/*
 * The choice number `number` (from 0) for a constraint of `table`; NULL for kinds that have no name of their own
 * (identity, generated). Source: ChooseConstraintName in src/backend/catalog/pg_constraint.c with the labels of
 * AddRelationNewConstraints ("check"; the column's name if there is exactly one), ATExecAddConstraint ("fkey"),
 * ChooseIndexName ("key", "pkey" without columns, "excl"). The caller frees.
 */
char *constraint_default_name(const char *table, const ConstraintDef *constraint, unsigned number);

#endif
