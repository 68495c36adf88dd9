#include "catalog/load_object.h"

#include <string.h>

#include "base/error.h"
#include "base/sqltext.h"
#include "catalog_queries.h"
#include "db/array.h"

/* Which look-up a class takes, and whether a new one without a schema goes to the creation schema. */
typedef enum Lookup { LOOKUP_ADDRESS, LOOKUP_RELATION, LOOKUP_TYPE, LOOKUP_FUNCTION } Lookup;

static const struct {
    const char *class;
    Lookup lookup;
    gboolean has_schema;
} lookups[] = {
    {"relation", LOOKUP_RELATION, TRUE},
    {"table", LOOKUP_RELATION, TRUE},
    {"view", LOOKUP_RELATION, TRUE},
    {"materialized view", LOOKUP_RELATION, TRUE},
    {"sequence", LOOKUP_RELATION, TRUE},
    {"index", LOOKUP_RELATION, TRUE},
    {"foreign table", LOOKUP_RELATION, TRUE},
    {"type", LOOKUP_TYPE, FALSE},
    {"domain", LOOKUP_TYPE, FALSE},
    {"function", LOOKUP_FUNCTION, TRUE},
    {"procedure", LOOKUP_FUNCTION, TRUE},
    {"routine", LOOKUP_FUNCTION, TRUE},
    {"aggregate", LOOKUP_FUNCTION, TRUE},
    {"operator", LOOKUP_ADDRESS, TRUE},
    {"statistics object", LOOKUP_ADDRESS, TRUE},
    {"collation", LOOKUP_ADDRESS, TRUE},
    {"conversion", LOOKUP_ADDRESS, TRUE},
    {"text search configuration", LOOKUP_ADDRESS, TRUE},
    {"text search dictionary", LOOKUP_ADDRESS, TRUE},
    {"text search parser", LOOKUP_ADDRESS, TRUE},
    {"text search template", LOOKUP_ADDRESS, TRUE},
};

static Lookup
lookup_of(const char *class, gboolean *ret_has_schema)
{
    for (gsize i = 0; i < G_N_ELEMENTS(lookups); i++) {
        if (strcmp(lookups[i].class, class) == 0) {
            *ret_has_schema = lookups[i].has_schema;
            return lookups[i].lookup;
        }
    }
    *ret_has_schema = FALSE;
    return LOOKUP_ADDRESS;
}

static char *
quoted(const GPtrArray *names)
{
    const char *last = names->len > 0 ? g_ptr_array_index(names, names->len - 1) : "";

    return sql_quote_name(names->len > 1 ? g_ptr_array_index(names, names->len - 2) : NULL, last);
}

/* One type stands as text in its list of names; with a creation schema it is qualified. */
static char *
type_name(const Facts *facts, const GPtrArray *names, guint flags)
{
    const char *text = names->len > 0 ? g_ptr_array_index(names, 0) : "";
    g_autofree char *schema = NULL;

    if ((flags & FACT_OBJECT_NEW) == 0 || strchr(text, '.') != NULL || facts->creation_schema == NULL)
        return g_strdup(text);
    schema = sql_quote_ident(facts->creation_schema);
    return g_strconcat(schema, ".", text, NULL);
}

static DbResult *
look_up(DbConn *conn, const Facts *facts, const char *key, GError **error)
{
    g_autofree char *class = NULL;
    g_autofree char *members = NULL;
    g_autoptr(GPtrArray) names = NULL;
    g_autoptr(GPtrArray) args = NULL;
    g_autofree char *text = NULL;
    g_autofree char *list = NULL;
    guint flags;
    gboolean has_schema;
    Lookup lookup;

    fact_object_key_parse(key, &class, &names, &args, &flags, &members);
    lookup = lookup_of(class, &has_schema);
    if ((flags & FACT_OBJECT_NEW) != 0 && has_schema && names->len == 1 && facts->creation_schema != NULL)
        g_ptr_array_insert(names, 0, g_strdup(facts->creation_schema));
    switch (lookup) {
        case LOOKUP_RELATION:
            text = quoted(names);
            return db_query(conn, QUERY_OBJECT_RELATION, DB_ARGS(text), error);
        case LOOKUP_TYPE:
            text = type_name(facts, names, flags);
            return db_query(conn, QUERY_OBJECT_TYPE, DB_ARGS(text), error);
        case LOOKUP_FUNCTION: {
            g_autoptr(GString) signature = g_string_new("(");

            for (guint i = 0; i < args->len; i++)
                g_string_append_printf(signature, "%s%s", i > 0 ? ", " : "", (const char *)g_ptr_array_index(args, i));
            g_string_append_c(signature, ')');
            text = quoted(names);
            return db_query(conn, QUERY_OBJECT_FUNCTION,
                            DB_ARGS(text, (flags & FACT_OBJECT_ANY_ARGS) != 0 ? NULL : signature->str), error);
        }
        case LOOKUP_ADDRESS:
            break;
    }
    text = db_array_text(names);
    list = db_array_text(args);
    return db_query(conn, QUERY_OBJECT_ADDRESS, DB_ARGS(class, text, list), error);
}

/* A name that the server cannot resolve (no such table, no such type) is an object that does not exist. */
static gboolean
find_object(DbConn *conn, Facts *facts, const char *key, GError **error)
{
    g_autoptr(DbResult) row = NULL;
    g_autoptr(GError) why = NULL;
    FactObject *object;

    if (!db_run(conn, "SAVEPOINT object", DB_NONE, error))
        return FALSE;
    row = look_up(conn, facts, key, &why);
    if (why != NULL && (!seam_error_is(why, SEAM_ERROR_SQL) || seam_error_has_sqlstate(why, "55P03"))) {
        g_propagate_error(error, g_steal_pointer(&why));
        return FALSE;
    }
    if (row != NULL && db_rows(row) > 0 && db_int(row, 0, "objid") != 0) {
        object = fact_object_new();
        object->class_oid = db_int(row, 0, "classid");
        object->oid = db_int(row, 0, "objid");
        object->column = (int)db_int(row, 0, "objsubid");
        g_hash_table_insert(facts->objects, g_strdup(key), object);
    }
    return db_run(conn, "ROLLBACK TO SAVEPOINT object", DB_NONE, error);
}

gboolean
load_objects_find(DbConn *conn, Facts *facts, const GPtrArray *keys, GError **error)
{
    for (guint i = 0; i < keys->len; i++) {
        const char *key = g_ptr_array_index(keys, i);

        if (!g_hash_table_contains(facts->objects, key) && !find_object(conn, facts, key, error))
            return FALSE;
    }
    return TRUE;
}

static void
fill_relation(FactRelation *relation, const DbResult *rows, int row, const char *prefix)
{
    g_autofree char *schema = g_strconcat(prefix, "schema", NULL);
    g_autofree char *name = g_strconcat(prefix, "name", NULL);
    g_autofree char *kind = g_strconcat(prefix, "kind", NULL);
    g_autofree char *is_owned = g_strconcat(prefix, "is_owned", NULL);

    if (db_text(rows, row, name) == NULL)
        return;
    relation->schema = g_strdup(db_text(rows, row, schema));
    relation->name = g_strdup(db_text(rows, row, name));
    relation->kind = db_text(rows, row, kind)[0];
    relation->is_owned = db_bool(rows, row, is_owned);
}

static gboolean
fill_head(DbConn *conn, FactObject *object, const char *const *address, GError **error)
{
    g_autoptr(DbResult) row = db_query(conn, QUERY_OBJECT, 3, address, error);

    if (row == NULL)
        return FALSE;
    object->type = g_strdup(db_text(row, 0, "type"));
    object->schema = g_strdup(db_text(row, 0, "schema"));
    object->name = g_strdup(db_text(row, 0, "name"));
    object->identity = g_strdup(db_text(row, 0, "identity"));
    object->what = g_strdup(db_text(row, 0, "what"));
    object->signature = g_strdup(db_text(row, 0, "signature"));
    object->kind = db_text(row, 0, "kind")[0];
    object->owner = g_strdup(db_text(row, 0, "owner"));
    object->is_owned = db_bool(row, 0, "is_owned");
    object->comment = g_strdup(db_text(row, 0, "comment"));
    g_ptr_array_unref(object->labels);
    object->labels = db_array(row, 0, "labels");
    object->n_defaults = (int)db_int(row, 0, "n_defaults");
    object->n_args = (int)db_int(row, 0, "n_args");
    object->n_named = (int)db_int(row, 0, "n_named");
    object->rows = MAX(db_double(row, 0, "rows"), 0);
    object->has_identity = db_bool(row, 0, "has_identity");
    fill_relation(&object->relation, row, 0, "relation_");
    return TRUE;
}

static gboolean
fill_partitions(DbConn *conn, FactObject *object, GError **error)
{
    g_autofree char *name = NULL;
    g_autoptr(DbResult) self = NULL;
    g_autoptr(DbResult) rows = NULL;

    if (object->relation.schema == NULL || strchr("rp", object->relation.kind) == NULL)
        return TRUE;
    name = sql_quote_name(object->relation.schema, object->relation.name);
    self = db_query(conn, QUERY_OBJECT_RELATION, DB_ARGS(name), error);
    if (self == NULL || db_rows(self) == 0)
        return self != NULL;
    rows = db_query(conn, QUERY_OBJECT_PARTITIONS, DB_ARGS(db_text(self, 0, "objid")), error);
    for (int i = 0; rows != NULL && i < db_rows(rows); i++) {
        FactRelation *relation = g_new0(FactRelation, 1);

        fill_relation(relation, rows, i, "");
        g_ptr_array_add(db_bool(rows, i, "is_below") ? object->partitions : object->parents, relation);
    }
    return rows != NULL;
}

static gboolean
fill_followers(DbConn *conn, FactObject *object, const char *const *address, GError **error)
{
    g_autoptr(DbResult) rows = db_query(conn, QUERY_OBJECT_DEPENDENTS, 3, address, error);

    for (int i = 0; rows != NULL && i < db_rows(rows); i++) {
        FactFollower *follower = g_new0(FactFollower, 1);

        follower->what = g_strdup(db_text(rows, i, "what"));
        follower->is_normal = db_bool(rows, i, "is_normal");
        follower->type = g_strdup(db_text(rows, i, "type"));
        follower->part = g_strdup(db_text(rows, i, "part"));
        follower->bytes = db_int(rows, i, "bytes");
        fill_relation(&follower->relation, rows, i, "");
        fill_relation(&follower->other, rows, i, "other_");
        g_ptr_array_add(object->followers, follower);
    }
    return rows != NULL;
}

static gboolean
fill_acl(DbConn *conn, FactObject *object, const char *const *address, GError **error)
{
    g_autoptr(DbResult) rows = db_query(conn, QUERY_OBJECT_ACL, 2, address, error);

    for (int i = 0; rows != NULL && i < db_rows(rows); i++) {
        if (i == 0) {
            object->acl_target = g_strdup(db_text(rows, 0, "target"));
            object->is_acl_exact = db_bool(rows, 0, "is_exact");
            object->has_acl = db_bool(rows, 0, "has_acl");
            object->has_default_acl = db_bool(rows, 0, "has_defaults");
        }
        g_ptr_array_add(object->acl, g_strdup(db_text(rows, i, "sql")));
    }
    return rows != NULL;
}

static gboolean
fill_statements(DbConn *conn, FactObject *object, const char *const *address, GError **error)
{
    g_autoptr(DbResult) create = db_query(conn, QUERY_OBJECT_CREATE, 2, address, error);
    g_autoptr(DbResult) alter = create != NULL ? db_query(conn, QUERY_OBJECT_ALTER, 2, address, error) : NULL;

    for (int i = 0; create != NULL && i < db_rows(create) && db_bool(create, i, "is_exact"); i++)
        g_ptr_array_add(object->create, g_strdup(db_text(create, i, "sql")));
    for (int i = 0; alter != NULL && i < db_rows(alter); i++) {
        const char *aspect = db_text(alter, i, "aspect");
        GPtrArray *list = g_hash_table_lookup(object->alter, aspect);

        if (list == NULL) {
            list = g_ptr_array_new_with_free_func(g_free);
            g_hash_table_insert(object->alter, g_strdup(aspect), list);
        }
        g_ptr_array_add(list, g_strdup(db_text(alter, i, "sql")));
    }
    return alter != NULL;
}

static gboolean
fill_object(DbConn *conn, FactObject *object, GError **error)
{
    g_autofree char *class_oid = db_int_text(object->class_oid);
    g_autofree char *oid = db_int_text(object->oid);
    g_autofree char *column = g_strdup_printf("%d", object->column);
    const char *address[] = {class_oid, oid, column};

    return fill_head(conn, object, address, error) && fill_partitions(conn, object, error) &&
           fill_followers(conn, object, address, error) && fill_acl(conn, object, address, error) &&
           fill_statements(conn, object, address, error);
}

/* What a statement only reads or stands on: its name and its partitions are enough. */
static gboolean
fill_used(DbConn *conn, FactObject *object, GError **error)
{
    g_autofree char *class_oid = db_int_text(object->class_oid);
    g_autofree char *oid = db_int_text(object->oid);
    const char *address[] = {class_oid, oid, "0"};

    return fill_head(conn, object, address, error) && fill_partitions(conn, object, error);
}

static int
count_normal(const FactObject *object)
{
    int count = 0;

    for (guint i = 0; i < object->followers->len; i++)
        count += ((const FactFollower *)g_ptr_array_index(object->followers, i))->is_normal;
    return count;
}

/* What is built on a view has fewer followers than the view: so those with more come first. */
static int
compare_followers(gconstpointer a, gconstpointer b)
{
    return count_normal(*(const FactObject *const *)b) - count_normal(*(const FactObject *const *)a);
}

static gboolean
fill_views(DbConn *conn, FactObject *object, GError **error)
{
    for (guint i = 0; object->kind == 'v' && object->column == 0 && i < object->followers->len; i++) {
        const FactFollower *follower = g_ptr_array_index(object->followers, i);
        g_autofree char *name = sql_quote_name(follower->relation.schema, follower->relation.name);
        g_autoptr(DbResult) row = NULL;
        FactObject *view;

        if (!follower->is_normal || strcmp(follower->type, "view") != 0)
            continue;
        row = db_query(conn, QUERY_OBJECT_RELATION, DB_ARGS(name), error);
        if (row == NULL)
            return FALSE;
        if (db_rows(row) == 0)
            continue;
        view = fact_object_new();
        view->class_oid = db_int(row, 0, "classid");
        view->oid = db_int(row, 0, "objid");
        g_ptr_array_add(object->views, view);
        if (!fill_object(conn, view, error))
            return FALSE;
    }
    g_ptr_array_sort(object->views, compare_followers);
    return TRUE;
}

static gboolean
fill_members(DbConn *conn, FactObject *object, const char *key, GError **error)
{
    g_autofree char *class = NULL;
    g_autofree char *members = NULL;
    g_autoptr(GPtrArray) names = NULL;
    g_autoptr(GPtrArray) args = NULL;
    g_autofree char *oid = db_int_text(object->oid);
    g_autoptr(DbResult) rows = NULL;
    guint flags;

    fact_object_key_parse(key, &class, &names, &args, &flags, &members);
    if (members == NULL)
        return TRUE;
    rows = db_query(conn, QUERY_OBJECT_MEMBERS, DB_ARGS(oid, members), error);
    for (int i = 0; rows != NULL && i < db_rows(rows); i++) {
        FactObject *member = fact_object_new();

        member->class_oid = db_int(rows, i, "classid");
        member->oid = db_int(rows, i, "objid");
        g_ptr_array_add(object->members, member);
        if (!fill_object(conn, member, error))
            return FALSE;
    }
    return rows != NULL;
}

gboolean
load_objects_fill(DbConn *conn, Facts *facts, GError **error)
{
    GHashTableIter iter;
    gpointer key;
    gpointer object;

    g_hash_table_iter_init(&iter, facts->objects);
    while (g_hash_table_iter_next(&iter, &key, &object)) {
        if (g_str_has_prefix(key, "relation\x1d")) {
            if (!fill_used(conn, object, error))
                return FALSE;
            continue;
        }
        if (!fill_object(conn, object, error) || !fill_views(conn, object, error) ||
            !fill_members(conn, object, key, error))
            return FALSE;
    }
    return TRUE;
}
