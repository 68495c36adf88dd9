/*
 * Rollouts and their history, for people and for machines (docs/json.md). The caller frees the text.
 */
#ifndef PGSEAM_CLI_ROLLOUT_PRINT_H
#define PGSEAM_CLI_ROLLOUT_PRINT_H

#include "run/rollout.h"

char *rollouts_to_text(const GPtrArray *rollouts);
char *rollouts_to_json(const GPtrArray *rollouts);

char *rollout_history_to_text(const GPtrArray *events);
char *rollout_history_to_json(const char *name, const GPtrArray *events);

#endif
