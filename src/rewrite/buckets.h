/*
 * Buckets: what a comparison keeps of millions of rows. A row belongs to the bucket of its key's hash; a bucket is the
 * XOR of its rows' hashes and their number, so the order in which rows come does not matter. Pure.
 */
#ifndef PGSEAM_REWRITE_BUCKETS_H
#define PGSEAM_REWRITE_BUCKETS_H

#include <glib.h>

/* One side's buckets: 12 bytes each. */
typedef struct Tally {
    guint n;       /* a power of two */
    guint64 *hash; /* XOR of the rows' hashes */
    guint32 *rows;
} Tally;

Tally *tally_new(guint n);
void tally_free(Tally *tally);
G_DEFINE_AUTOPTR_CLEANUP_FUNC(Tally, tally_free)
void tally_add(Tally *tally, guint bucket, guint64 hash, guint32 rows);
gint64 tally_rows(const Tally *tally);

/* SHA-256 of all buckets, in hexadecimal. The caller frees. */
char *tally_hash(const Tally *tally);

/* The power of two next to `rows` / `each` from below, within `least` and `most` (powers of two themselves). */
guint buckets_for(gint64 rows, int each, guint least, guint most);

/* Where two sides differ: a bitmap as PostgreSQL reads a bytea ("\x01ff"; get_bit() counts from the lowest bit of the
 * first byte), how many buckets that are and how many rows are in them, of both sides. The caller frees. */
char *buckets_differing(const Tally *a, const Tally *b, gint64 *ret_buckets, gint64 *ret_rows);

/* A row: the hash of its key, and its own. */
typedef struct RowHash {
    gint64 key;
    gint64 row;
} RowHash;

/* The keys (gint64, ascending) of which the two sides (RowHash, in any order; sorted by this) do not have the same rows
 * the same number of times. The caller unrefs. */
GArray *rows_differing(GArray *a, GArray *b);

#endif
