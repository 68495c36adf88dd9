/*
 * The statements of a comparison. Both sides give the same columns: the hash of a row's key in the target (pgseam_k),
 * the hash of the row with that as its seed, so that values which two rows exchange do not cancel out in an XOR.
 *
 * Law: both sides evaluate the *target's* values, the source by the flow's expressions and casts, in the form that
 * compare_form.h gives to their type.
 */
#ifndef PGSEAM_REWRITE_COMPARE_SQL_H
#define PGSEAM_REWRITE_COMPARE_SQL_H

#include "rewrite/compare_form.h"

typedef enum CompareSide { COMPARE_SOURCE, COMPARE_TARGET, COMPARE_SIDES } CompareSide;

typedef struct CompareSql {
    char *relation[COMPARE_SIDES];
    GString *key[COMPARE_SIDES];    /* hashable forms of the key columns, over the relation's columns: "a, b" */
    GString *row[COMPARE_SIDES];    /* of all columns of the flow */
    GString *shown[COMPARE_SIDES];  /* the key columns' values as text */
    GString *hashes[COMPARE_SIDES]; /* one hash for each column of the flow */
    char *dirty;                    /* "SELECT pgseam_k" of the dirty keys */
} CompareSql;

/* `types` are those of the target. SEAM_ERROR_DRIFT if it has not a column that the flow fills. */
CompareSql *compare_sql_new(const Flow *flow, GHashTable *types, GError **error);
void compare_sql_free(CompareSql *sql);
G_DEFINE_AUTOPTR_CLEANUP_FUNC(CompareSql, compare_sql_free)

/* The rows that are looked at: blocks of the relation, and of these ... */
typedef struct CompareRange {
    gint64 first_block;
    gint64 end_block; /* exclusive */
    const guint
        *buckets; /* ... those in each of `n_filters` sets: set i (from 0) is a bitmap of buckets[i] buckets of the */
    guint n_filters;           /* hash with the number i, given as parameter i + 1 (bytea) ... */
    gboolean leaves_out_dirty; /* ... whose key is not dirty ... */
    int keys_parameter;        /* ... and is in this parameter (bigint[]); 0: any key */
} CompareRange;

/* "b, x, n": number, XOR and rows of each of `buckets` buckets of the hash with the number `number`. */
char *compare_sql_scan(const CompareSql *sql, CompareSide side, const CompareRange *range, guint number, guint buckets);

/* "k, h": key and row hash of each row. */
char *compare_sql_list(const CompareSql *sql, CompareSide side, const CompareRange *range);

/* "k, shown, hashes" of the rows with the keys in $1 (bigint[]): the key's values (text[]), hash by column (bigint[]).
 */
char *compare_sql_show(const CompareSql *sql, CompareSide side);

/* "k": those of the keys in $1 (bigint[]) that are dirty. */
char *compare_sql_dirty(const CompareSql *sql);

#endif
