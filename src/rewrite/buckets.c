#include "rewrite/buckets.h"

#define BITS_PER_BYTE 8

Tally *
tally_new(guint n)
{
    Tally *tally = g_new(Tally, 1);

    *tally = (Tally){n, g_new0(guint64, n), g_new0(guint32, n)};
    return tally;
}

void
tally_free(Tally *tally)
{
    if (tally == NULL)
        return;
    g_free(tally->hash);
    g_free(tally->rows);
    g_free(tally);
}

void
tally_add(Tally *tally, guint bucket, guint64 hash, guint32 rows)
{
    g_assert(bucket < tally->n);
    tally->hash[bucket] ^= hash;
    tally->rows[bucket] += rows;
}

gint64
tally_rows(const Tally *tally)
{
    gint64 rows = 0;

    for (guint i = 0; i < tally->n; i++)
        rows += tally->rows[i];
    return rows;
}

/* In one byte order, so that certificates of different machines can be compared. */
char *
tally_hash(const Tally *tally)
{
    g_autoptr(GChecksum) sum = g_checksum_new(G_CHECKSUM_SHA256);

    for (guint i = 0; i < tally->n; i++) {
        guint64 hash = GUINT64_TO_LE(tally->hash[i]);
        guint32 rows = GUINT32_TO_LE(tally->rows[i]);

        g_checksum_update(sum, (const guchar *)&hash, sizeof(hash));
        g_checksum_update(sum, (const guchar *)&rows, sizeof(rows));
    }
    return g_strdup(g_checksum_get_string(sum));
}

guint
buckets_for(gint64 rows, int each, guint least, guint most)
{
    guint n = least;

    while (n < most && (gint64)n * 2 <= rows / each)
        n *= 2;
    return n;
}

char *
buckets_differing(const Tally *a, const Tally *b, gint64 *ret_buckets, gint64 *ret_rows)
{
    static const char digits[] = "0123456789abcdef";
    GString *bitmap = g_string_sized_new(a->n / BITS_PER_BYTE * 2 + 3);

    g_assert(a->n == b->n && a->n % BITS_PER_BYTE == 0);
    *ret_buckets = *ret_rows = 0;
    g_string_append(bitmap, "\\x");
    for (guint i = 0; i < a->n; i += BITS_PER_BYTE) {
        guint byte = 0;

        for (guint bit = 0; bit < BITS_PER_BYTE; bit++) {
            guint bucket = i + bit;

            if (a->hash[bucket] == b->hash[bucket] && a->rows[bucket] == b->rows[bucket])
                continue;
            byte |= 1U << bit;
            *ret_buckets += 1;
            *ret_rows += (gint64)a->rows[bucket] + b->rows[bucket];
        }
        g_string_append_c(bitmap, digits[byte >> 4]);
        g_string_append_c(bitmap, digits[byte & 15]);
    }
    return g_string_free(bitmap, FALSE);
}

static gint
by_key_and_row(gconstpointer left, gconstpointer right)
{
    const RowHash *a = left;
    const RowHash *b = right;

    if (a->key != b->key)
        return a->key < b->key ? -1 : 1;
    return (a->row > b->row) - (a->row < b->row);
}

/* How many rows from `at` on have the key of that one. */
static guint
same_key(const GArray *rows, guint at)
{
    guint n = 1;

    while (at + n < rows->len && g_array_index(rows, RowHash, at + n).key == g_array_index(rows, RowHash, at).key)
        n++;
    return n;
}

GArray *
rows_differing(GArray *a, GArray *b)
{
    GArray *keys = g_array_new(FALSE, FALSE, sizeof(gint64));
    guint i = 0;
    guint j = 0;

    g_array_sort(a, by_key_and_row);
    g_array_sort(b, by_key_and_row);
    while (i < a->len || j < b->len) {
        const RowHash *x = i < a->len ? &g_array_index(a, RowHash, i) : NULL;
        const RowHash *y = j < b->len ? &g_array_index(b, RowHash, j) : NULL;
        gboolean in_a = x != NULL && (y == NULL || x->key <= y->key);
        gboolean in_b = y != NULL && (x == NULL || y->key <= x->key);
        guint n = in_a ? same_key(a, i) : 0;
        guint m = in_b ? same_key(b, j) : 0;
        gint64 key = in_a ? x->key : y->key;
        gboolean is_same = n == m;

        for (guint k = 0; is_same && k < n; k++)
            is_same = x[k].row == y[k].row;
        if (!is_same)
            g_array_append_val(keys, key);
        i += n;
        j += m;
    }
    return keys;
}
