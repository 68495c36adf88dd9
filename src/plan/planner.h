/*
 * The planner: a file and facts in, a plan or the reasons against one out.
 */
#ifndef PGSEAM_PLAN_PLANNER_H
#define PGSEAM_PLAN_PLANNER_H

#include "catalog/facts.h"
#include "plan/plan.h"
#include "sql/script.h"

/* What the planner needs to know. `relations`, `functions`, `types` are lists of char * as FactRequest takes them;
 * `objects` are fact_object_key(), `candidates` are (table schema or NULL, table, new name) in groups of three. */
typedef struct Wishes {
    GPtrArray *relations;
    GPtrArray *functions;
    GPtrArray *types;
    GPtrArray *objects;
    GPtrArray *candidates;
    GPtrArray *schemas; /* names of schemas whose tables are all wanted */
    char *version;      /* the version that the file makes; NULL: none ... */
    gboolean pins;      /* ... which shows every table */
} Wishes;

/* Collect what to ask the catalog for. The caller clears. */
void wishes_of_script(Wishes *wishes, const Script *script);
void wishes_clear(Wishes *wishes);

/*
 * Build the plan. Every statement is looked at, and all reasons against it are told at once: SEAM_ERROR_REFUSED,
 * message and detail with line, caret, reason and way out.
 */
Plan *planner_build(const Script *script, const Facts *facts, GError **error);

/* A query that the server must accept before anything runs. */
typedef struct PlanProbe {
    char *sql;
    char *must_hold;   /* what is wrong if the query's one boolean is false; NULL: the query only has to be accepted */
    char *wrong;       /* what it means if the server refuses the query; NULL: what the server says is enough */
    char *hint;        /* the way out then; NULL: the server's own */
    gboolean is_early; /* the file makes things before it: what does not exist now may exist then */
    int offset;        /* of the statement in the file, for the message */
} PlanProbe;

/* An empty list of them; the caller unrefs. One more on a list, its other texts NULL: `sql` is taken over, the probe
 * belongs to the list. */
GPtrArray *plan_probes_new(void);
PlanProbe *plan_probe_add(GPtrArray *probes, char *sql, int offset);

/* The expressions of the file against the table as it will be after expand. A list of PlanProbe; the caller unrefs. */
GPtrArray *planner_probes(const Script *script, const Facts *facts);

#endif
