/*
 * In which form a value is hashed, so that two values have the same hash if and only if they are the same to somebody
 * who reads them. PostgreSQL's own hash functions promise less: equal values have equal hashes, and
 *
 * - "equal" hides differences: numeric 1.0 and 1.00, -0.0, interval '1 mon' and '30 days', numbers in jsonb, trailing
 *   blanks of bpchar, citext, strings under a nondeterministic collation;
 * - they may ignore what makes values unequal: hash_numeric() leaves out the sign, hash_array() the dimensions, and
 *   hashint8() folds 64 bits to 32 so that -1 and 4294967295 are one (timestamps are hashed by it, too). (Sources:
 *   src/backend/utils/adt/numeric.c, arrayfuncs.c; src/backend/access/hash/hashfunc.c.)
 *
 * So only types whose hash function takes in every bit are hashed as they are; strings under the collation "C", which
 * costs nothing; everything else in its binary form (the type's send function; 30 ns a value); what has none as text.
 */
#ifndef PGSEAM_REWRITE_COMPARE_FORM_H
#define PGSEAM_REWRITE_COMPARE_FORM_H

#include "db/conn.h"
#include "rewrite/flow.h"

typedef enum CompareForm { COMPARE_PLAIN, COMPARE_BYTES, COMPARE_SEND, COMPARE_TEXT } CompareForm;

/* What of a type matters: a domain's base type, by its schema and name in pg_type. `can_send`: the binary form of it
 * and of all that it is made of is the same for the same value (queries/compare_types.sql). */
CompareForm compare_form(const char *schema, const char *name, gboolean is_enum, gboolean can_send);

typedef struct CompareType {
    char *column; /* of the table */
    CompareForm form;
    char *base; /* the base type, as SQL */
    char *send; /* its send function, quoted and qualified; NULL without one */
} CompareType;

/* SQL for the hashable form of `value`, which is SQL of the type or of one that it is cast to. The caller frees. */
char *compare_form_sql(const CompareType *type, const char *value);

/* Each column of a table (CompareType) by its name. The caller unrefs. Errors: those of db_query(). */
GHashTable *compare_types(DbConn *conn, gint64 table_oid, GError **error);

#endif
