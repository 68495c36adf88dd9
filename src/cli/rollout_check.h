/*
 * `pgseam rollout compare` and `check`: the part of cmd_rollout.c that is about what both sides say.
 */
#ifndef PGSEAM_CLI_ROLLOUT_CHECK_H
#define PGSEAM_CLI_ROLLOUT_CHECK_H

#include <json-glib/json-glib.h>

#include "cli/command.h"
#include "run/rollout_check.h"

typedef struct RolloutRequest {
    DbConn *conn;
    const CommonOptions *common;
    const char *name; /* of the rollout, or the role */
    const char *stage;
} RolloutRequest;

/* What was given on the command line; NULL, FALSE, 0: was not. */
typedef struct RolloutGiven {
    char *migration;
    char *old_query;
    char *new_query;
    char *threshold;
    int at_least;
    char *sample;
    char *timeout;
    char *every;
    char *for_time;
    gboolean never_freezes;
} RolloutGiven;

extern RolloutGiven rollout_given;

/* Says what is compared, and how much may differ; prints nothing. */
gboolean rollout_run_compare(const RolloutRequest *request, GError **error);

/* Takes samples and prints them. SEAM_ERROR_REFUSED if one was over the threshold, SEAM_ERROR_FAILED if rows could not
 * be compared. */
gboolean rollout_run_check(const RolloutRequest *request, GError **error);

/* For people and for machines (rollout_check_print.c). The caller frees the text. */
char *rollout_sample_to_text(const RolloutFigures *sample);
void rollout_health_add_text(GString *out, const RolloutHealth *health);
void rollout_health_put(JsonBuilder *builder, const RolloutHealth *health);
char *rollout_check_to_json(const char *name, const GPtrArray *samples, const RolloutHealth *health);

#endif
