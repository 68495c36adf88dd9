/*
 * Fill facts from a server.
 */
#ifndef PGSEAM_CATALOG_LOAD_H
#define PGSEAM_CATALOG_LOAD_H

#include "catalog/facts.h"
#include "db/conn.h"

/* A name that a statement is about to give to a relation, in the schema of a table (or in the creation schema where
 * that table does not exist). */
typedef struct FactCandidate {
    char *table_schema;
    char *table_name;
    char *name;
} FactCandidate;

/* What to read. All lists own their strings. */
typedef struct FactRequest {
    GPtrArray *relations;  /* quoted names as the file writes them */
    GPtrArray *functions;  /* function names, "schema.name" where qualified, and operator names */
    GPtrArray *types;      /* type text as the file writes it */
    GPtrArray *objects;    /* fact_object_key() */
    GPtrArray *candidates; /* FactCandidate */
    GPtrArray *schemas;    /* names of schemas whose tables are all read */
    char *version;         /* the version that is to be made: then grants and comments are read, too; NULL */
    gboolean pins;         /* it shall show every table that the search_path finds */
    GPtrArray *versions;   /* the schemas of versions that are there and complete ... */
    GPtrArray *rising;     /* ... and of those whose migration still runs, or waits at the gate */
} FactRequest;

void fact_request_init(FactRequest *request);
void fact_request_clear(FactRequest *request);
void fact_request_add_candidate(FactRequest *request, const char *table_schema, const char *table_name,
                                const char *name);

/*
 * Read the facts in one read-only transaction. `search_path` is the quoted list under which the file's names are
 * resolved; NULL takes the role's own. Errors: those of db_query().
 */
Facts *facts_load(DbConn *conn, const FactRequest *request, const char *search_path, GError **error);

#endif
