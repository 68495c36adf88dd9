/*
 * Rollouts and their history, for people and for machines (docs/json.md). The caller frees the text.
 */
#ifndef PGSEAM_CLI_ROLLOUT_PRINT_H
#define PGSEAM_CLI_ROLLOUT_PRINT_H

#include "run/rollout_check.h"

/* `health`: RolloutHealth, one for each of the rollouts. */
char *rollouts_to_text(const GPtrArray *rollouts, const GPtrArray *health);
char *rollouts_to_json(const GPtrArray *rollouts, const GPtrArray *health);

char *rollout_history_to_text(const GPtrArray *events);
char *rollout_history_to_json(const char *name, const GPtrArray *events);

#endif
