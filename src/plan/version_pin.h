/*
 * `pgseam version pin NAME`: a version of the tables as they are, for the application that runs now.
 */
#ifndef PGSEAM_PLAN_VERSION_PIN_H
#define PGSEAM_PLAN_VERSION_PIN_H

#include "plan/planner.h"

/* Stands where other plans have their file; in journals. */
#define VERSION_PIN_COMMAND "pgseam version pin"

/* A plan that makes schema `name` with a view for each of facts->pinned; what no view can stand for is left out, with a
 * note. SEAM_ERROR_REFUSED if nothing is left, or the schema cannot be made. The caller frees. */
Plan *version_pin_plan(const char *name, const char *migration, const Facts *facts, GError **error);

#endif
