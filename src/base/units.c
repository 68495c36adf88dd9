#include "base/units.h"

#include <errno.h>

typedef struct Unit {
    const char *name;
    gint64 factor;
} Unit;

/* From the smallest to the largest, each a multiple of the one before it. */
static const Unit byte_units[] = {{"B", 1},
                                  {"kB", 1024},
                                  {"MB", 1024 * 1024},
                                  {"GB", 1024 * 1024 * 1024},
                                  {"TB", G_GINT64_CONSTANT(1024) * 1024 * 1024 * 1024}};
static const Unit time_units[] = {{"ms", 1}, {"s", 1000}, {"min", 60000}, {"h", 3600000}, {"d", 86400000}};

static gint64
factor_of(const Unit *units, guint n_units, const char *name)
{
    for (guint i = 0; i < n_units; i++) {
        if (g_ascii_strcasecmp(units[i].name, name) == 0)
            return units[i].factor;
    }
    return 0;
}

static gboolean
parse(const char *text, const Unit *units, guint n_units, gint64 plain, gint64 *ret)
{
    char *end = NULL;
    gint64 number;
    gint64 factor;

    if (!g_ascii_isdigit(text[0]))
        return FALSE;
    errno = 0;
    number = g_ascii_strtoll(text, &end, 10);
    while (*end == ' ')
        end++;
    factor = *end == '\0' ? plain : factor_of(units, n_units, end);
    if (errno != 0 || factor == 0 || number > G_MAXINT64 / factor)
        return FALSE;
    *ret = number * factor;
    return TRUE;
}

gboolean
units_parse_bytes(const char *text, gint64 *ret_bytes)
{
    return parse(text, byte_units, G_N_ELEMENTS(byte_units), 1, ret_bytes);
}

gboolean
units_parse_ms(const char *text, int plain_ms, gint64 *ret_ms)
{
    return parse(text, time_units, G_N_ELEMENTS(time_units), plain_ms, ret_ms);
}

static char *
to_text(const Unit *units, guint n_units, gint64 number)
{
    guint best = 0;

    if (number == 0)
        return g_strdup("0");
    for (guint i = 0; i < n_units; i++) {
        if (number % units[i].factor == 0)
            best = i;
    }
    return g_strdup_printf("%" G_GINT64_FORMAT "%s", number / units[best].factor, units[best].name);
}

char *
units_bytes_text(gint64 bytes)
{
    return to_text(byte_units, G_N_ELEMENTS(byte_units), bytes);
}

char *
units_ms_text(gint64 ms)
{
    return to_text(time_units, G_N_ELEMENTS(time_units), ms);
}

char *
units_bytes_about(double bytes)
{
    guint unit = 0;

    while (unit + 1 < G_N_ELEMENTS(byte_units) && bytes >= (double)byte_units[unit + 1].factor)
        unit++;
    return g_strdup_printf("%.1f %s", bytes / (double)byte_units[unit].factor, byte_units[unit].name);
}
