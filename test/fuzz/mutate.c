/*
 * A fuzz target driven by mutations of its seeds, the same ones each time: part of `make check`. PGSEAM_FUZZ_ROUNDS
 * changes how many, PGSEAM_FUZZ_SEED which ones.
 */
#include <stdlib.h>
#include <string.h>

#include "fuzz.h"

#define ROUNDS    4000000
#define MOST_EDIT 8

static guint32
number_of(const char *variable, guint32 otherwise)
{
    const char *text = g_getenv(variable);

    return text != NULL ? (guint32)g_ascii_strtoull(text, NULL, 10) : otherwise;
}

/* Values at which counts and lengths turn over. */
static guint8
edge(GRand *random)
{
    static const guint8 edges[] = {0, 1, 2, 0x7F, 0x80, 0xFE, 0xFF, 'K', 'N', 'O', 'n', 't', 'u'};

    return edges[g_rand_int_range(random, 0, (gint)G_N_ELEMENTS(edges))];
}

static const FuzzSeed *
any_seed(GRand *random)
{
    gint n = 0;

    while (fuzz_seeds[n].data != NULL)
        n++;
    return &fuzz_seeds[g_rand_int_range(random, 0, n)];
}

/* One change of any place: a byte, a bit, a byte more, a byte less, the rest gone, or another seed's end. */
static void
edit(GRand *random, GByteArray *bytes)
{
    guint at = bytes->len > 0 ? (guint)g_rand_int_range(random, 0, (gint)bytes->len) : 0;
    guint8 byte = g_rand_boolean(random) ? edge(random) : (guint8)g_rand_int_range(random, 0, 256);
    gint what = bytes->len > 0 ? g_rand_int_range(random, 0, 6) : 5;
    const FuzzSeed *other;
    guint from;

    switch (what) {
        case 0:
            bytes->data[at] = byte;
            return;
        case 1:
            bytes->data[at] ^= (guint8)(1 << g_rand_int_range(random, 0, 8));
            return;
        case 2:
            g_byte_array_append(bytes, &byte, 1);
            memmove(bytes->data + at + 1, bytes->data + at, bytes->len - 1 - at);
            bytes->data[at] = byte;
            return;
        case 3:
            g_byte_array_remove_index(bytes, at);
            return;
        case 4:
            g_byte_array_set_size(bytes, at);
            return;
        default:
            other = any_seed(random);
            from = (guint)g_rand_int_range(random, 0, (gint)other->length);
            g_byte_array_set_size(bytes, at);
            g_byte_array_append(bytes, (const guint8 *)other->data + from, (guint)other->length - from);
    }
}

/* A block of exactly the size, so that reading behind it is found. */
static void
run_one(const guint8 *data, gsize length)
{
    guint8 *copy = malloc(length > 0 ? length : 1);

    memcpy(copy, data, length);
    LLVMFuzzerTestOneInput(copy, length);
    free(copy);
}

static void
test_mutations(void)
{
    g_autoptr(GRand) random = g_rand_new_with_seed(number_of("PGSEAM_FUZZ_SEED", 4));
    guint32 rounds = number_of("PGSEAM_FUZZ_ROUNDS", ROUNDS);

    for (guint32 i = 0; i < rounds; i++) {
        const FuzzSeed *seed = any_seed(random);
        g_autoptr(GByteArray) bytes = g_byte_array_new();
        gint edits = g_rand_int_range(random, 0, MOST_EDIT);

        g_byte_array_append(bytes, (const guint8 *)seed->data, (guint)seed->length);
        for (gint n = 0; n < edits; n++)
            edit(random, bytes);
        run_one(bytes->data != NULL ? bytes->data : (const guint8 *)"", bytes->len);
    }
}

int
main(int argc, char **argv)
{
    g_test_init(&argc, &argv, NULL);
    g_test_add_func("/fuzz/mutations", test_mutations);
    return g_test_run();
}
