/*
 * What a fuzz target gives: the entry of libFuzzer, and seeds. mutate.c drives it without libFuzzer.
 */
#ifndef PGSEAM_FUZZ_H
#define PGSEAM_FUZZ_H

#include <glib.h>

typedef struct FuzzSeed {
    const char *data;
    gsize length;
} FuzzSeed;

/* A string literal, zero bytes in it included. */
#define FUZZ_SEED(text) {"" text, sizeof(text) - 1}
#define FUZZ_SEEDS_END  {NULL, 0}

extern const FuzzSeed fuzz_seeds[];

/* libFuzzer's name. Returns 0; a finding is a crash or a report of a sanitizer. */
int LLVMFuzzerTestOneInput(const guint8 *data, gsize size);

#endif
