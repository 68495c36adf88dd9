#include "catalog/fact_object.h"

#include <stdlib.h>
#include <string.h>

/* Names may hold any character but NUL; these two are as rare as any. */
#define SECTION "\x1d"
#define ITEM    "\x1f"

static char *
joined(const GPtrArray *list)
{
    GString *out = g_string_new(NULL);

    for (guint i = 0; list != NULL && i < list->len; i++)
        g_string_append_printf(out, "%s%s", i > 0 ? ITEM : "", (const char *)g_ptr_array_index(list, i));
    return g_string_free(out, FALSE);
}

char *
fact_object_key(const char *class, const GPtrArray *names, const GPtrArray *args, guint flags, const char *members)
{
    g_autofree char *name = joined(names);
    g_autofree char *arg = joined(args);

    return g_strdup_printf("%s" SECTION "%s" SECTION "%s" SECTION "%u" SECTION "%s", class, name, arg, flags,
                           members != NULL ? members : "");
}

static GPtrArray *
split(const char *text)
{
    GPtrArray *list = g_ptr_array_new_with_free_func(g_free);
    g_auto(GStrv) parts = g_strsplit(text, ITEM, -1);

    for (guint i = 0; text[0] != '\0' && parts[i] != NULL; i++)
        g_ptr_array_add(list, g_strdup(parts[i]));
    return list;
}

void
fact_object_key_parse(const char *key, char **ret_class, GPtrArray **ret_names, GPtrArray **ret_args, guint *ret_flags,
                      char **ret_members)
{
    g_auto(GStrv) sections = g_strsplit(key, SECTION, 5);

    g_assert(g_strv_length(sections) == 5);
    *ret_class = g_strdup(sections[0]);
    *ret_names = split(sections[1]);
    *ret_args = split(sections[2]);
    *ret_flags = (guint)strtoul(sections[3], NULL, 10);
    *ret_members = sections[4][0] != '\0' ? g_strdup(sections[4]) : NULL;
}

static void
relation_clear(FactRelation *relation)
{
    g_free(relation->schema);
    g_free(relation->name);
}

static void
relation_free(gpointer data)
{
    relation_clear(data);
    g_free(data);
}

static void
follower_free(gpointer data)
{
    FactFollower *follower = data;

    g_free(follower->what);
    g_free(follower->type);
    g_free(follower->part);
    relation_clear(&follower->relation);
    relation_clear(&follower->other);
    g_free(follower);
}

static void
list_free(gpointer data)
{
    g_ptr_array_unref(data);
}

FactObject *
fact_object_new(void)
{
    FactObject *object = g_new0(FactObject, 1);

    object->labels = g_ptr_array_new_with_free_func(g_free);
    object->partitions = g_ptr_array_new_with_free_func(relation_free);
    object->parents = g_ptr_array_new_with_free_func(relation_free);
    object->create = g_ptr_array_new_with_free_func(g_free);
    object->acl = g_ptr_array_new_with_free_func(g_free);
    object->alter = g_hash_table_new_full(g_str_hash, g_str_equal, g_free, list_free);
    object->followers = g_ptr_array_new_with_free_func(follower_free);
    object->members = g_ptr_array_new_with_free_func((GDestroyNotify)fact_object_free);
    object->views = g_ptr_array_new_with_free_func((GDestroyNotify)fact_object_free);
    return object;
}

void
fact_object_free(FactObject *object)
{
    if (object == NULL)
        return;
    g_free(object->type);
    g_free(object->schema);
    g_free(object->name);
    g_free(object->identity);
    g_free(object->what);
    g_free(object->signature);
    g_free(object->owner);
    g_free(object->comment);
    g_free(object->acl_target);
    relation_clear(&object->relation);
    g_ptr_array_unref(object->labels);
    g_ptr_array_unref(object->partitions);
    g_ptr_array_unref(object->parents);
    g_ptr_array_unref(object->create);
    g_ptr_array_unref(object->acl);
    g_hash_table_unref(object->alter);
    g_ptr_array_unref(object->followers);
    g_ptr_array_unref(object->members);
    g_ptr_array_unref(object->views);
    g_free(object);
}

static void add_line(GPtrArray *lines, const FactObject *object, const char *format, ...) G_GNUC_PRINTF(3, 4);

static void
add_line(GPtrArray *lines, const FactObject *object, const char *format, ...)
{
    g_autofree char *rest = NULL;
    va_list args;

    va_start(args, format);
    rest = g_strdup_vprintf(format, args);
    va_end(args);
    g_ptr_array_add(lines, g_strdup_printf("%s: %s", object->what, rest));
}

static void
add_lines(GPtrArray *lines, const FactObject *object, const char *title, const GPtrArray *list)
{
    for (guint i = 0; i < list->len; i++)
        add_line(lines, object, "%s %s", title, (const char *)g_ptr_array_index(list, i));
}

void
fact_object_fingerprint(GPtrArray *lines, const FactObject *object)
{
    GHashTableIter iter;
    gpointer list;

    add_line(lines, object, "exists, owner %s", object->owner);
    if (object->comment != NULL)
        add_line(lines, object, "comment %s", object->comment);
    add_lines(lines, object, "label", object->labels);
    add_lines(lines, object, "is made by", object->create);
    if (object->has_acl)
        add_lines(lines, object, "privileges", object->acl);
    g_hash_table_iter_init(&iter, object->alter);
    while (g_hash_table_iter_next(&iter, NULL, &list))
        add_lines(lines, object, "is set by", list);
    for (guint i = 0; i < object->followers->len; i++) {
        const FactFollower *follower = g_ptr_array_index(object->followers, i);

        add_line(lines, object, "%s %s", follower->is_normal ? "is used by" : "has", follower->what);
    }
    for (guint i = 0; i < object->views->len; i++)
        fact_object_fingerprint(lines, g_ptr_array_index(object->views, i));
    for (guint i = 0; i < object->members->len; i++)
        fact_object_fingerprint(lines, g_ptr_array_index(object->members, i));
}
