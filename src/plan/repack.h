/*
 * Repack: a copy of a table as it is, without a file: dead rows and gaps are left behind, and the rows may come in
 * another order, the columns too, the table into another tablespace.
 */
#ifndef PGSEAM_PLAN_REPACK_H
#define PGSEAM_PLAN_REPACK_H

#include "plan/planner.h"

typedef struct RepackRequest {
    const char *migration;         /* its name */
    const char *command;           /* what was asked for, on one line: the plan's source */
    const char *order_by;          /* SQL: "a, b DESC"; NULL: as the rows lie */
    const char *tablespace;        /* a name; NULL: where it is */
    const GPtrArray *column_order; /* char *: the columns that come first, in this order; NULL: as they are */
} RepackRequest;

/* Plan it for a table of the facts. SEAM_ERROR_REFUSED with reason and way out. */
Plan *repack_plan(const RepackRequest *request, const Facts *facts, const FactTable *table, GError **error);

/* Queries that EXPLAIN must accept before anything runs: a list of PlanProbe without offsets; the caller unrefs. */
GPtrArray *repack_probes(const RepackRequest *request, const FactTable *table);

#endif
