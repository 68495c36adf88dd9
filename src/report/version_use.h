/*
 * Who uses which shape of a version's tables, for people and for machines.
 */
#ifndef PGSEAM_REPORT_VERSION_USE_H
#define PGSEAM_REPORT_VERSION_USE_H

#include "run/version_list.h"
#include "run/version_use.h"

/* {"version", "migration", "state", "users": [{side, role, ...}]}. The caller frees. */
char *version_use_to_json(const VersionEntry *version, const GPtrArray *users);

/* A line for each. The caller frees. */
char *version_use_to_text(const VersionEntry *version, const GPtrArray *users);

#endif
