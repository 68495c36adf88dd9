/*
 * What hangs on a column whose type changes beside a version: indexes and constraints get a twin on the hidden column,
 * which takes the name of the old one at complete. Private to plan/.
 *
 * Law: a twin is what the server prints of the old one with other columns in it; what cannot have one is refused, since
 * it would go with the old column.
 */
#ifndef PGSEAM_PLAN_VERSION_TWIN_H
#define PGSEAM_PLAN_VERSION_TWIN_H

#include "plan/version.h"

/* What hangs on the column and cannot have a twin, as text for a message; "" if there is nothing. The caller frees. */
char *version_hanging(const PlanContext *ctx, const FactTable *table, const FactColumn *column);

/* Find them, in table->twins, for all that is below. SEAM_ERROR_REFUSED where one cannot be told. */
gboolean version_find_twins(VersionTable *table, GError **error);

/* Before anything is planned: of those whose meaning may be another one for the new type, that it is known.
 * SEAM_ERROR_REFUSED. */
gboolean version_check_twins(PlanContext *ctx, const VersionTable *table, GError **error);

/* The steps that make them, once the hidden columns are filled: beside the old ones where no value can come between
 * them, else when the old application is gone (contract). Checked before. */
void version_plan_twins(PlanContext *ctx, const VersionTable *table);

/* In the transaction in which the old columns have gone and the hidden ones have their names: so do the twins. */
void version_twins_take_place(Step *step, const VersionTable *table);

/* SQL, a boolean: the object `d.classid`, `d.objid` of pg_depend is one that has a twin. The caller frees. */
char *version_has_twin_sql(const VersionTable *table);

/* Queries (PlanProbe) that the expressions of checks, and the pairs of foreign keys, mean something for the new type.
 */
void version_probe_twins(GPtrArray *probes, const VersionTable *table);

/* Queries (PlanProbe) for what the server would refuse only when it makes them, after the rows have been filled: an
 * operator class, a pair of types of a foreign key, the privilege to refer to a table. */
void version_probe_makeable(GPtrArray *probes, const VersionTable *table);

#endif
