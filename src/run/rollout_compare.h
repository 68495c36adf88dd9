/*
 * How two sides are compared on the server. Private to run/rollout*.c.
 */
#ifndef PGSEAM_RUN_ROLLOUT_COMPARE_H
#define PGSEAM_RUN_ROLLOUT_COMPARE_H

#include "run/rollout_check.h"

/* Where keys for a sample come from. */
typedef struct KeySource {
    char *relation; /* quoted */
    char *key;      /* SQL over it */
    gint64 pages;
    double rows; /* about */
} KeySource;

/* `count_sql` has one row: compared, mismatches and, for queries, doubled (rows whose key is not the only one);
 * `show_sql` some of the mismatches: key, columns, old_side, new_side. Both take the keys as $1, an array, where there
 * are sources. */
typedef struct Comparison {
    GPtrArray *sources; /* KeySource; empty: all rows at once */
    char *count_sql;
    char *show_sql;
    char *search_path;
} Comparison;

void comparison_free(Comparison *comparison);

/* The two queries of a pair, for some keys or (is_whole, and where keys cannot be drawn) all rows; in a transaction
 * whose search_path is that of the pair. What cannot be compared is refused. */
Comparison *comparison_of_queries(DbConn *conn, const RolloutPair *pair, gboolean is_whole, GError **error);

/* A list: one for each table of a migration that is at its gate. Before a transaction begins. */
GPtrArray *comparisons_of_migration(DbConn *conn, const char *migration, gboolean must_be_gated, GError **error);

/* How many of the mismatches are shown. */
#define COMPARED_SHOWN 10

/* BEGIN, READ ONLY and under one snapshot, and the names of the pair. */
gboolean comparison_begin(DbConn *conn, const char *search_path, int timeout_ms, GError **error);

#endif
