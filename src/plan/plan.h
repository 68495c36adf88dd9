/*
 * A plan: an ordered list of steps, the facts it rests on, and what the reader must know. Pure data.
 */
#ifndef PGSEAM_PLAN_PLAN_H
#define PGSEAM_PLAN_PLAN_H

#include "plan/step.h"

typedef struct Plan {
    char *migration;
    char *version;     /* the schema of the version that it makes; NULL: none */
    gboolean pins_all; /* which shows every table: --pin all */
    char *path;        /* of the SQL file, for people */
    char *source;      /* the file's text */
    char *source_sha256;
    char *tool_version; /* of the pgseam that made it */
    int server_version; /* server_version_num */
    char *search_path;  /* under which the file's names were resolved; the runner sets it again */
    char *time_zone;
    char *date_style;
    GPtrArray *small; /* the tables that were small when it was made: facts_small(); NULL: it does not say */
    GPtrArray *facts; /* the fingerprint: facts_fingerprint() */
    GPtrArray *notes; /* char *: what the reader must know */
    GPtrArray *steps; /* Step, in the order in which they run */
} Plan;

Plan *plan_new(void);
void plan_free(Plan *plan);
G_DEFINE_AUTOPTR_CLEANUP_FUNC(Plan, plan_free)

void plan_note(Plan *plan, const char *format, ...) G_GNUC_PRINTF(2, 3);

gboolean plan_has_phase(const Plan *plan, Phase phase);

/* The tables that the plan works on, each once, as quoted qualified names, sorted. The caller unrefs. */
GPtrArray *plan_tables(const Plan *plan);

/* Lines that are in one fingerprint and not in the other: "- was ..." and "+ is ...". Empty if nothing changed. The
 * caller unrefs. */
GPtrArray *plan_drift(const GPtrArray *planned, const GPtrArray *actual);

/* TRUE if both plans run the same steps; estimates may differ. */
gboolean plan_same_steps(const Plan *a, const Plan *b);

/* SHA-256 of the source, in hex. The caller frees. */
char *plan_source_hash(const char *source);

#endif
