#include "rules/type_change.h"

#include <string.h>

/* "timestamp(3) without time zone" -> "timestamp without time zone", {3}. */
typedef struct TypeParts {
    char *base;
    int n_args;
    long args[2];
} TypeParts;

/* What must be true of the modifiers. */
typedef gboolean (*PartsRule)(const TypeParts *from, const TypeParts *to);

static void
take_apart(const char *type, TypeParts *ret)
{
    const char *open = strchr(type, '(');
    const char *close = open != NULL ? strchr(open, ')') : NULL;

    memset(ret, 0, sizeof(*ret));
    if (close == NULL) {
        ret->base = g_strdup(type);
        return;
    }
    ret->base = g_strdup_printf("%.*s%s", (int)(open - type), type, close + 1);
    for (const char *c = open; c < close && ret->n_args < 2; c = strpbrk(c + 1, ",)"))
        ret->args[ret->n_args++] = strtol(c + 1, NULL, 10);
}

static gboolean
always(const TypeParts *from G_GNUC_UNUSED, const TypeParts *to G_GNUC_UNUSED)
{
    return TRUE;
}

static gboolean
unlimited(const TypeParts *from G_GNUC_UNUSED, const TypeParts *to)
{
    return to->n_args == 0;
}

/* A length or a precision that grows or goes. */
static gboolean
wider(const TypeParts *from, const TypeParts *to)
{
    return to->n_args == 0 || (from->n_args > 0 && to->args[0] >= from->args[0]);
}

/* numeric(p, s): the scale must stay. */
static gboolean
wider_numeric(const TypeParts *from, const TypeParts *to)
{
    return to->n_args == 0 || (from->n_args > 0 && to->args[0] >= from->args[0] && to->args[1] == from->args[1]);
}

static const struct {
    const char *from;
    const char *to;
    PartsRule rule;
} catalog_only[] = {
    {"character varying", "character varying", wider},
    {"character varying", "text", always},
    {"text", "character varying", unlimited},
    {"numeric", "numeric", wider_numeric},
    {"timestamp without time zone", "timestamp without time zone", wider},
    {"timestamp with time zone", "timestamp with time zone", wider},
    {"time without time zone", "time without time zone", wider},
    {"time with time zone", "time with time zone", wider},
    {"interval", "interval", wider},
    {"bit varying", "bit varying", wider},
    {"cidr", "inet", always},
    {"xml", "text", always},
};

/* The shortcut of 12 on: with the session in UTC both print and compare alike (src/backend/utils/adt/timestamp.c,
 * timestamp_zone_transform and TimestampTimestampTzRequiresRewrite). */
static gboolean
is_utc_pair(const TypeParts *from, const TypeParts *to, const char *time_zone)
{
    static const char *const zones[] = {"UTC", "Etc/UTC", "GMT", NULL};
    static const char plain[] = "timestamp without time zone";
    static const char zoned[] = "timestamp with time zone";

    return time_zone != NULL && g_strv_contains(zones, time_zone) && wider(from, to) &&
           ((strcmp(from->base, plain) == 0 && strcmp(to->base, zoned) == 0) ||
            (strcmp(from->base, zoned) == 0 && strcmp(to->base, plain) == 0));
}

/* Equal bits, but another operator family: the index is built anew (measured 14 to 18). */
static gboolean
is_integer_as_oid(const TypeParts *from, const TypeParts *to)
{
    return strcmp(from->base, "integer") == 0 && strcmp(to->base, "oid") == 0;
}

static TypeChange
compare(const TypeParts *from, const TypeParts *to, const char *time_zone)
{
    for (guint i = 0; i < G_N_ELEMENTS(catalog_only); i++) {
        if (strcmp(from->base, catalog_only[i].from) == 0 && strcmp(to->base, catalog_only[i].to) == 0)
            return catalog_only[i].rule(from, to) ? TYPE_CHANGE_CATALOG : TYPE_CHANGE_REWRITE;
    }
    return is_utc_pair(from, to, time_zone) || is_integer_as_oid(from, to) ? TYPE_CHANGE_REINDEX : TYPE_CHANGE_REWRITE;
}

static gboolean
is_pair(const char *const pairs[][2], gsize n, const char *from, const char *to)
{
    for (gsize i = 0; i < n; i++) {
        if (strcmp(from, pairs[i][0]) == 0 && strcmp(to, pairs[i][1]) == 0)
            return TRUE;
    }
    return FALSE;
}

gboolean
type_keeps_meaning(const char *from, const char *to)
{
    static const char *const integers[][2] = {{"smallint", "integer"}, {"smallint", "bigint"}, {"integer", "bigint"}};

    return is_pair(integers, G_N_ELEMENTS(integers), from, to) || type_change(from, to, NULL) == TYPE_CHANGE_CATALOG;
}

gboolean
type_keeps_values(const char *from, const char *to)
{
    static const char *const wider[][2] = {{"smallint", "numeric"},
                                           {"integer", "numeric"},
                                           {"bigint", "numeric"},
                                           {"real", "double precision"},
                                           {"date", "timestamp without time zone"}};

    return is_pair(wider, G_N_ELEMENTS(wider), from, to) || type_keeps_meaning(from, to);
}

TypeChange
type_change(const char *from, const char *to, const char *time_zone)
{
    TypeParts old;
    TypeParts new;
    TypeChange change;

    if (strcmp(from, to) == 0)
        return TYPE_CHANGE_NONE;
    take_apart(from, &old);
    take_apart(to, &new);
    change = compare(&old, &new, time_zone);
    g_free(old.base);
    g_free(new.base);
    return change;
}
