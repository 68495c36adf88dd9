/*
 * Whatever bytes come over the replication stream: pgoutput's decoder reads or refuses them. What it reads is touched,
 * so that a pointer outside of the bytes is seen by the sanitizer.
 */
#include "fuzz.h"
#include "rewrite/pgoutput.h"

static guint32
touch_row(const GArray *row)
{
    guint32 sum = row->len;

    for (guint i = 0; i < row->len; i++) {
        const PgoValue *value = &g_array_index(row, PgoValue, i);

        for (guint32 j = 0; j < value->length; j++)
            sum += (guint8)value->data[j];
    }
    return sum;
}

static guint32
touch_string(const char *text)
{
    guint32 sum = 0;

    for (; text != NULL && *text != '\0'; text++)
        sum += (guint8)*text;
    return sum;
}

static guint32
touch(const PgoMessage *message)
{
    guint32 sum = touch_row(message->old_row) + touch_row(message->new_row) + touch_string(message->schema) +
                  touch_string(message->name);

    for (guint i = 0; i < message->columns->len; i++)
        sum += touch_string(g_array_index(message->columns, PgoColumn, i).name);
    for (guint i = 0; i < message->oids->len; i++)
        sum += g_array_index(message->oids, guint32, i);
    for (gsize i = 0; i < message->content_length; i++)
        sum += (guint8)message->content[i];
    return sum;
}

int
LLVMFuzzerTestOneInput(const guint8 *data, gsize size)
{
    g_auto(PgoMessage) message = {0};

    pgo_message_init(&message);
    /* The sum is used, or the compiler would leave the reading out. */
    if (pgo_decode(&message, data, size, NULL) && touch(&message) == G_MAXUINT32)
        g_debug("an unlikely sum");
    return 0;
}

/* One of each kind; from protocol captures, see test/unit/rewrite/test_pgoutput.c. */
const FuzzSeed fuzz_seeds[] = {
    FUZZ_SEED("B\0\0\0\x16\xB3\x74\xD8\x48\0\0\0\0\0\0\0\x07\xFF\xFF\xFF\xFE"),
    FUZZ_SEED("C\0\0\0\0\x01\0\0\0\x02\0\0\0\x01\0\0\0\x30\0\0\0\0\0\0\0\x09"),
    FUZZ_SEED("O\0\0\0\0\0\0\0\x05node\0"),
    FUZZ_SEED("R\0\0\x40\x01shop\0orders\0d\0\x02\x01id\0\0\0\0\x14\xFF\xFF\xFF\xFF\0note\0\0\0\0\x19\0\0\0\x08"),
    FUZZ_SEED("Y\0\0\x40\x09shop\0mood\0"),
    FUZZ_SEED("I\0\0\x40\x01N\0\x03t\0\0\0\x02"
              "42nu"),
    FUZZ_SEED("U\0\0\x40\x01K\0\x01t\0\0\0\x01"
              "6N\0\x01t\0\0\0\x01"
              "7"),
    FUZZ_SEED("D\0\0\x40\x01O\0\x02t\0\0\0\x01"
              "6n"),
    FUZZ_SEED("T\0\0\0\x02\x03\0\0\x40\x01\0\0\x40\x02"),
    FUZZ_SEED("M\x01\0\0\0\0\0\0\0\x0Apgseam\0\0\0\0\x03"
              "a\0b"),
    FUZZ_SEEDS_END,
};
