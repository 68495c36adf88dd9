/*
 * The files of a folder and how they stand, for people and for machines.
 */
#ifndef PGSEAM_REPORT_LEDGER_H
#define PGSEAM_REPORT_LEDGER_H

#include "folder/standing.h"

/* A line for each file, and how many there are of each state. The caller frees. */
char *ledger_to_text(const GPtrArray *standings);

/* {"files": [{name, path, state, kind, checksum, changed, at, by}], "plan": ...}; `plan` is that of the file whose turn
 * it is, as JSON, or NULL. The caller frees. */
char *ledger_to_json(const GPtrArray *standings, const char *plan);

#endif
