#include "catalog/load.h"

#include "base/names.h"
#include "base/sqltext.h"
#include "catalog/load_object.h"
#include "catalog/load_version.h"
#include "catalog_queries.h"

#define ROWS_UNKNOWN       (-1)
#define SMALL_ROWS         1000
#define SMALL_PAGES        64
#define SMALL_PAGES_UNSEEN 8

void
fact_request_init(FactRequest *request)
{
    request->relations = g_ptr_array_new_with_free_func(g_free);
    request->functions = g_ptr_array_new_with_free_func(g_free);
    request->types = g_ptr_array_new_with_free_func(g_free);
    request->objects = g_ptr_array_new_with_free_func(g_free);
    request->candidates = g_ptr_array_new();
    request->schemas = g_ptr_array_new_with_free_func(g_free);
    request->version = NULL;
    request->pins = FALSE;
    request->versions = g_ptr_array_new_with_free_func(g_free);
    request->rising = g_ptr_array_new_with_free_func(g_free);
}

void
fact_request_clear(FactRequest *request)
{
    for (guint i = 0; i < request->candidates->len; i++) {
        FactCandidate *candidate = g_ptr_array_index(request->candidates, i);

        g_free(candidate->table_schema);
        g_free(candidate->table_name);
        g_free(candidate->name);
        g_free(candidate);
    }
    g_free(request->version);
    g_ptr_array_unref(request->versions);
    g_ptr_array_unref(request->rising);
    g_ptr_array_unref(request->candidates);
    g_ptr_array_unref(request->schemas);
    g_ptr_array_unref(request->relations);
    g_ptr_array_unref(request->functions);
    g_ptr_array_unref(request->types);
    g_ptr_array_unref(request->objects);
}

void
fact_request_add_candidate(FactRequest *request, const char *table_schema, const char *table_name, const char *name)
{
    FactCandidate *candidate = g_new0(FactCandidate, 1);

    candidate->table_schema = g_strdup(table_schema);
    candidate->table_name = g_strdup(table_name);
    candidate->name = g_strdup(name);
    g_ptr_array_add(request->candidates, candidate);
}

/* Run one of our queries for one text parameter. */
static DbResult *
ask(DbConn *conn, const char *query, const char *value, GError **error)
{
    return db_query(conn, query, DB_ARGS(value), error);
}

static gboolean
load_columns(DbConn *conn, FactTable *table, const char *oid, GError **error)
{
    g_autoptr(DbResult) rows = ask(conn, QUERY_COLUMNS, oid, error);

    table->columns = g_ptr_array_new();
    for (int i = 0; rows != NULL && i < db_rows(rows); i++) {
        FactColumn *column = g_new0(FactColumn, 1);

        column->name = g_strdup(db_text(rows, i, "name"));
        column->number = (int)db_int(rows, i, "number");
        column->type = g_strdup(db_text(rows, i, "type"));
        column->key_type = g_strdup(db_text(rows, i, "key_type"));
        column->greater_operator = g_strdup(db_text(rows, i, "greater_operator"));
        column->at_most_operator = g_strdup(db_text(rows, i, "at_most_operator"));
        column->default_expr = g_strdup(db_text(rows, i, "default_expr"));
        column->sequence = g_strdup(db_text(rows, i, "sequence"));
        column->sequence_type = g_strdup(db_text(rows, i, "sequence_type"));
        column->is_not_null = db_bool(rows, i, "is_not_null");
        column->is_generated = db_bool(rows, i, "is_generated");
        column->statistics = (int)db_int(rows, i, "statistics");
        column->storage = g_strdup(db_text(rows, i, "storage"));
        column->compression = g_strdup(db_text(rows, i, "compression"));
        column->options = db_array(rows, i, "options");
        column->has_collation = db_bool(rows, i, "has_collation");
        column->is_unproven = db_bool(rows, i, "is_unproven");
        column->is_identity = db_bool(rows, i, "is_identity");
        column->is_comparable = db_bool(rows, i, "is_comparable");
        g_ptr_array_add(table->columns, column);
    }
    return rows != NULL;
}

static gboolean
load_indexes(DbConn *conn, FactTable *table, const char *oid, GError **error)
{
    g_autoptr(DbResult) rows = ask(conn, QUERY_INDEXES, oid, error);

    table->indexes = g_ptr_array_new();
    for (int i = 0; rows != NULL && i < db_rows(rows); i++) {
        FactIndex *index = g_new0(FactIndex, 1);

        index->name = g_strdup(db_text(rows, i, "name"));
        index->definition = g_strdup(db_text(rows, i, "definition"));
        index->constraint = g_strdup(db_text(rows, i, "constraint_name"));
        if (db_text(rows, i, "columns") != NULL)
            index->columns = db_array(rows, i, "columns");
        index->is_unique = db_bool(rows, i, "is_unique");
        index->is_primary = db_bool(rows, i, "is_primary");
        index->is_valid = db_bool(rows, i, "is_valid");
        index->is_partial = db_bool(rows, i, "is_partial");
        index->is_immediate = db_bool(rows, i, "is_immediate");
        index->is_replica_identity = db_bool(rows, i, "is_replica_identity");
        index->is_exclusion = db_bool(rows, i, "is_exclusion");
        index->parent_schema = g_strdup(db_text(rows, i, "parent_schema"));
        index->parent_name = g_strdup(db_text(rows, i, "parent_name"));
        index->shape = g_strdup(db_text(rows, i, "shape"));
        index->tail = g_strdup(db_text(rows, i, "tail"));
        index->attributes = db_array(rows, i, "attributes");
        index->is_clustered = db_bool(rows, i, "is_clustered");
        g_ptr_array_add(table->indexes, index);
    }
    return rows != NULL;
}

static gboolean
load_constraints(DbConn *conn, FactTable *table, const char *oid, GError **error)
{
    g_autoptr(DbResult) rows = ask(conn, QUERY_CONSTRAINTS, oid, error);

    table->constraints = g_ptr_array_new();
    for (int i = 0; rows != NULL && i < db_rows(rows); i++) {
        FactConstraint *constraint = g_new0(FactConstraint, 1);

        constraint->name = g_strdup(db_text(rows, i, "name"));
        constraint->kind = db_text(rows, i, "kind")[0];
        constraint->definition = g_strdup(db_text(rows, i, "definition"));
        constraint->columns = db_array(rows, i, "columns");
        constraint->is_valid = db_bool(rows, i, "is_valid");
        constraint->is_clone = db_bool(rows, i, "is_clone");
        constraint->is_inbound = db_bool(rows, i, "is_inbound");
        constraint->index = g_strdup(db_text(rows, i, "index"));
        constraint->comment = g_strdup(db_text(rows, i, "comment"));
        constraint->other_schema = g_strdup(db_text(rows, i, "other_schema"));
        constraint->other_table = g_strdup(db_text(rows, i, "other_table"));
        if (db_text(rows, i, "other_types") != NULL)
            constraint->other_types = db_array(rows, i, "other_types");
        constraint->other_kind = db_text(rows, i, "other_kind") != NULL ? db_text(rows, i, "other_kind")[0] : 0;
        constraint->other_persistence =
            db_text(rows, i, "other_persistence") != NULL ? db_text(rows, i, "other_persistence")[0] : 0;
        constraint->other_is_owned = db_bool(rows, i, "other_is_owned");
        g_ptr_array_add(table->constraints, constraint);
    }
    return rows != NULL;
}

static gboolean
load_dependents(DbConn *conn, FactTable *table, const char *oid, GError **error)
{
    g_autoptr(DbResult) rows = ask(conn, QUERY_DEPENDENTS, oid, error);

    table->dependents = g_ptr_array_new();
    for (int i = 0; rows != NULL && i < db_rows(rows); i++) {
        FactDependent *dependent = g_new0(FactDependent, 1);

        dependent->column = g_strdup(db_text(rows, i, "column_name"));
        dependent->what = g_strdup(db_text(rows, i, "what"));
        dependent->view_schema = g_strdup(db_text(rows, i, "view_schema"));
        dependent->view_name = g_strdup(db_text(rows, i, "view_name"));
        dependent->on_view = g_strdup(db_text(rows, i, "on_view"));
        g_ptr_array_add(table->dependents, dependent);
    }
    return rows != NULL;
}

static gboolean
load_triggers(DbConn *conn, FactTable *table, const char *oid, GError **error)
{
    g_autoptr(DbResult) rows = ask(conn, QUERY_TRIGGERS, oid, error);

    table->triggers = g_ptr_array_new_with_free_func(g_free);
    table->trigger_states = g_ptr_array_new_with_free_func(g_free);
    for (int i = 0; rows != NULL && i < db_rows(rows); i++) {
        g_ptr_array_add(table->triggers, g_strdup(db_text(rows, i, "name")));
        g_ptr_array_add(table->trigger_states, g_strdup(db_text(rows, i, "state")));
        table->fires_on_update |= db_bool(rows, i, "fires_on_update");
    }
    return rows != NULL;
}

/* By the pages that there are, and by the rows that the last ANALYZE has counted: a table that has never been analyzed
 * has none to show, so its pages must be fewer. A partitioned table has no pages of its own. */
static gboolean
is_small(char kind, gint64 pages, double rows)
{
    if (kind != 'r' && kind != 'm')
        return FALSE;
    return rows == ROWS_UNKNOWN ? pages <= SMALL_PAGES_UNSEEN : rows < SMALL_ROWS && pages <= SMALL_PAGES;
}

static void
fill_table(FactTable *table, const DbResult *row)
{
    table->oid = db_int(row, 0, "oid");
    table->schema = g_strdup(db_text(row, 0, "schema"));
    table->name = g_strdup(db_text(row, 0, "name"));
    table->kind = db_text(row, 0, "kind")[0];
    table->persistence = db_text(row, 0, "persistence")[0];
    table->owner = g_strdup(db_text(row, 0, "owner"));
    table->is_owned = db_bool(row, 0, "is_owned");
    table->is_derived = db_bool(row, 0, "is_derived");
    table->has_children = db_bool(row, 0, "has_children");
    table->has_rules = db_bool(row, 0, "has_rules");
    table->is_empty = db_bool(row, 0, "is_empty");
    table->rows = db_double(row, 0, "rows");
    table->options = db_array(row, 0, "options");
    table->replica_identity = db_text(row, 0, "replica_identity")[0];
    table->has_row_security = db_bool(row, 0, "has_row_security");
    table->forces_row_security = db_bool(row, 0, "forces_row_security");
    table->bytes = db_int(row, 0, "bytes");
    table->table_bytes = db_int(row, 0, "table_bytes");
    table->index_bytes = db_int(row, 0, "index_bytes");
    table->is_small =
        is_small(table->kind, db_int(row, 0, "pages"), db_bool(row, 0, "is_analyzed") ? table->rows : ROWS_UNKNOWN);
}

static gboolean
load_standing(DbConn *conn, FactTable *table, const char *oid, GError **error)
{
    g_autoptr(DbResult) row = ask(conn, QUERY_PARTITION, oid, error);

    if (row == NULL || db_rows(row) == 0)
        return row != NULL;
    table->is_partition = db_bool(row, 0, "is_partition");
    table->is_typed = db_bool(row, 0, "is_typed");
    table->is_populated = db_bool(row, 0, "is_populated");
    table->parent_schema = g_strdup(db_text(row, 0, "parent_schema"));
    table->parent_name = g_strdup(db_text(row, 0, "parent_name"));
    table->bound = g_strdup(db_text(row, 0, "bound"));
    table->partition_constraint = g_strdup(db_text(row, 0, "partition_constraint"));
    table->partition_key = g_strdup(db_text(row, 0, "partition_key"));
    table->strategy = db_text(row, 0, "strategy") != NULL ? db_text(row, 0, "strategy")[0] : 0;
    if (db_text(row, 0, "key_parts") != NULL)
        table->key_parts = db_array(row, 0, "key_parts");
    if (db_text(row, 0, "key_types") != NULL)
        table->key_types = db_array(row, 0, "key_types");
    table->default_schema = g_strdup(db_text(row, 0, "default_schema"));
    table->default_name = g_strdup(db_text(row, 0, "default_name"));
    return TRUE;
}

/* The table of this oid; begun, and put on the list of those to be loaded, where it is new. */
static FactTable *
begin_table(Facts *facts, GArray *pending, gint64 oid)
{
    FactTable *table = g_hash_table_lookup(facts->tables, &oid);

    if (table == NULL) {
        table = g_new0(FactTable, 1);
        g_hash_table_insert(facts->tables, g_memdup2(&oid, sizeof(oid)), table);
        g_array_append_val(pending, oid);
    }
    return table;
}

static gboolean
load_descendants(DbConn *conn, Facts *facts, GArray *pending, FactTable *table, const char *oid, GError **error)
{
    g_autoptr(DbResult) rows = NULL;
    g_autoptr(DbResult) names = NULL;

    table->descendants = g_ptr_array_new();
    if ((!table->has_children && table->kind != 'p') || table->is_beside)
        return TRUE;
    rows = ask(conn, QUERY_DESCENDANTS, oid, error);
    for (int i = 0; rows != NULL && i < db_rows(rows); i++)
        g_ptr_array_add(table->descendants, begin_table(facts, pending, db_int(rows, i, "oid")));
    if (rows != NULL)
        names = ask(conn, QUERY_NAMES, oid, error);
    for (int i = 0; names != NULL && i < db_rows(names); i++)
        g_hash_table_add(facts->neighbours, sql_quote_name(db_text(names, i, "schema"), db_text(names, i, "name")));
    return names != NULL;
}

static gboolean
load_sources(DbConn *conn, FactTable *table, const char *oid, GError **error)
{
    g_autoptr(DbResult) rows = NULL;

    table->sources = g_ptr_array_new();
    if (table->kind != 'm')
        return TRUE;
    rows = ask(conn, QUERY_SOURCES, oid, error);
    for (int i = 0; rows != NULL && i < db_rows(rows); i++) {
        FactName *source = g_new0(FactName, 1);

        source->schema = g_strdup(db_text(rows, i, "schema"));
        source->name = g_strdup(db_text(rows, i, "name"));
        g_ptr_array_add(table->sources, source);
    }
    return rows != NULL;
}

static gboolean
load_table(DbConn *conn, Facts *facts, GArray *pending, gint64 oid, GError **error)
{
    g_autofree char *text = db_int_text(oid);
    g_autoptr(DbResult) row = ask(conn, QUERY_TABLE, text, error);
    FactTable *table = g_hash_table_lookup(facts->tables, &oid);

    if (row == NULL || db_rows(row) == 0)
        return row != NULL;
    fill_table(table, row);
    return load_standing(conn, table, text, error) && load_descendants(conn, facts, pending, table, text, error) &&
           load_sources(conn, table, text, error) && load_columns(conn, table, text, error) &&
           load_indexes(conn, table, text, error) && load_constraints(conn, table, text, error) &&
           load_dependents(conn, table, text, error) && load_triggers(conn, table, text, error);
}

/* Resolve the names; the tables behind them are begun with their oid alone. */
static gboolean
resolve_relations(DbConn *conn, Facts *facts, GArray *pending, const GPtrArray *names, GError **error)
{
    for (guint i = 0; i < names->len; i++) {
        const char *name = g_ptr_array_index(names, i);
        g_autoptr(DbResult) row = ask(conn, QUERY_RELATION, name, error);

        if (row == NULL)
            return FALSE;
        if (db_rows(row) > 0)
            g_hash_table_insert(facts->relations, g_strdup(name), begin_table(facts, pending, db_int(row, 0, "oid")));
    }
    return TRUE;
}

/* All tables of the schemas that are asked for. */
static gboolean
resolve_schemas(DbConn *conn, Facts *facts, GArray *pending, const GPtrArray *names, GError **error)
{
    for (guint i = 0; i < names->len; i++) {
        const char *name = g_ptr_array_index(names, i);
        g_autoptr(DbResult) rows = ask(conn, QUERY_SCHEMA, name, error);
        GPtrArray *tables;

        if (rows == NULL)
            return FALSE;
        if (db_rows(rows) == 0)
            continue;
        tables = g_ptr_array_new();
        for (int k = 0; k < db_rows(rows); k++) {
            if (db_text(rows, k, "oid") != NULL)
                g_ptr_array_add(tables, begin_table(facts, pending, db_int(rows, k, "oid")));
        }
        g_hash_table_insert(facts->schemas, g_strdup(name), tables);
    }
    return TRUE;
}

/* All tables of the search_path that is set, but for what a version's schema has. */
static gboolean
resolve_pins(DbConn *conn, Facts *facts, GArray *pending, const FactRequest *request, GError **error)
{
    g_autoptr(DbResult) rows = request->pins ? db_query(conn, QUERY_PINS, DB_NONE, error) : NULL;

    for (int i = 0; rows != NULL && i < db_rows(rows); i++) {
        const char *schema = db_text(rows, i, "schema");
        guint known = pending->len;
        FactTable *table;

        if (names_contain(request->versions, schema) || names_contain(request->rising, schema))
            continue;
        table = begin_table(facts, pending, db_int(rows, i, "oid"));
        table->is_beside = pending->len > known;
        table->unfit = g_strdup(db_text(rows, i, "unfit"));
        g_ptr_array_add(facts->pinned, table);
    }
    return rows != NULL || !request->pins;
}

static gboolean
load_volatility(DbConn *conn, Facts *facts, const GPtrArray *names, GError **error)
{
    for (guint i = 0; i < names->len; i++) {
        const char *name = g_ptr_array_index(names, i);
        g_autoptr(DbResult) row = NULL;

        if (g_hash_table_contains(facts->volatility, name))
            continue;
        row = ask(conn, QUERY_VOLATILITY, name, error);
        if (row == NULL)
            return FALSE;
        if (db_text(row, 0, "volatility") != NULL)
            g_hash_table_insert(facts->volatility, g_strdup(name), g_strdup(db_text(row, 0, "volatility")));
        if (db_bool(row, 0, "is_aggregate"))
            g_hash_table_add(facts->aggregates, g_strdup(name));
        if (db_bool(row, 0, "is_builtin"))
            g_hash_table_add(facts->builtin, g_strdup(name));
    }
    return TRUE;
}

/* "varchar(9)" -> "character varying(9)". The modifier is known to the server's parser alone: a NULL of the type
 * carries it. A domain has none, and would come back as its base type. */
static char *
formatted_type(DbConn *conn, const DbResult *type, const char *text)
{
    g_autofree char *sql = sql_build("SELECT CAST(NULL AS ?)", sql_raw(text));
    g_autoptr(DbResult) null = NULL;
    g_autoptr(DbResult) row = NULL;
    g_autofree char *oid_text = NULL;
    g_autofree char *modifier_text = NULL;
    gint64 oid;
    int modifier;

    if (db_bool(type, 0, "is_domain"))
        return g_strdup(db_text(type, 0, "name"));
    null = db_query(conn, sql, DB_NONE, NULL);
    if (null == NULL)
        return g_strdup(db_text(type, 0, "name"));
    db_column_type(null, 0, &oid, &modifier);
    oid_text = db_int_text(oid);
    modifier_text = g_strdup_printf("%d", modifier);
    row = db_query(conn,
                   "SELECT pg_catalog.format_type($1::pg_catalog.oid, $2::pg_catalog.int4), "
                   "pg_catalog.set_config('search_path', $3, true)",
                   DB_ARGS(oid_text, modifier_text, ""), NULL);
    return row != NULL ? g_strdup(db_text_at(row, 0, 0)) : NULL;
}

/* A text that is no type at all (to_regtype raises a syntax error for some) is a type that does not exist. */
static gboolean
load_types(DbConn *conn, Facts *facts, const GPtrArray *types, GError **error)
{
    for (guint i = 0; i < types->len; i++) {
        const char *text = g_ptr_array_index(types, i);
        g_autoptr(DbResult) row = NULL;
        FactType *type;

        if (!db_run(conn, "SAVEPOINT type", DB_NONE, error))
            return FALSE;
        type = g_new0(FactType, 1);
        row = ask(conn, QUERY_TYPE, text, NULL);
        if (row != NULL) {
            type->exists = db_bool(row, 0, "found");
            type->is_constrained_domain = db_bool(row, 0, "constrained");
            type->formatted = type->exists ? formatted_type(conn, row, text) : NULL;
        }
        g_hash_table_insert(facts->types, g_strdup(text), type);
        if (!db_run(conn, "ROLLBACK TO SAVEPOINT type", DB_NONE, error))
            return FALSE;
    }
    return TRUE;
}

static gboolean
load_taken(DbConn *conn, Facts *facts, const GPtrArray *candidates, GError **error)
{
    for (guint i = 0; i < candidates->len; i++) {
        const FactCandidate *candidate = g_ptr_array_index(candidates, i);
        const FactTable *table = facts_find(facts, candidate->table_schema, candidate->table_name);
        const char *schema = table != NULL                     ? table->schema
                             : candidate->table_schema != NULL ? candidate->table_schema
                                                               : facts->creation_schema;
        g_autoptr(DbResult) row = NULL;

        if (schema == NULL)
            continue;
        row = db_query(conn, QUERY_TAKEN, DB_ARGS(schema, candidate->name), error);
        if (row == NULL)
            return FALSE;
        if (db_bool(row, 0, "taken"))
            g_hash_table_add(facts->taken, sql_quote_name(schema, candidate->name));
        if (db_bool(row, 0, "is_constraint"))
            g_hash_table_add(facts->constraints, sql_quote_name(schema, candidate->name));
    }
    return TRUE;
}

static gboolean
load_session(DbConn *conn, Facts *facts, const char *search_path, GError **error)
{
    g_autoptr(DbResult) row = db_query(conn, QUERY_SESSION, DB_NONE, error);

    if (row == NULL)
        return FALSE;
    facts->server_version = db_server_version(conn);
    facts->database = g_strdup(db_text(row, 0, "database"));
    facts->role = g_strdup(db_text(row, 0, "role"));
    facts->creation_schema = g_strdup(db_text(row, 0, "creation_schema"));
    facts->search_path = g_strdup(search_path);
    facts->time_zone = g_strdup(db_settings(conn)->time_zone);
    facts->date_style = g_strdup(db_settings(conn)->date_style);
    return TRUE;
}

/* Each table is found under its own qualified name, too. */
static void
name_tables(Facts *facts)
{
    GHashTableIter iter;
    gpointer value;

    g_hash_table_iter_init(&iter, facts->tables);
    while (g_hash_table_iter_next(&iter, NULL, &value)) {
        FactTable *table = value;
        char *name = sql_quote_name(table->schema, table->name);

        if (!g_hash_table_contains(facts->relations, name))
            g_hash_table_insert(facts->relations, name, table);
        else
            g_free(name);
    }
}

static gboolean
load_all(DbConn *conn, Facts *facts, const FactRequest *request, const char *search_path, GError **error)
{
    static const char set_path[] = "SELECT pg_catalog.set_config('search_path', $1, true)";
    g_autoptr(GArray) pending = g_array_new(FALSE, FALSE, sizeof(gint64));

    if (!db_run(conn, set_path, DB_ARGS(search_path), error) || !load_session(conn, facts, search_path, error) ||
        !resolve_relations(conn, facts, pending, request->relations, error) ||
        !resolve_schemas(conn, facts, pending, request->schemas, error) ||
        !resolve_pins(conn, facts, pending, request, error) ||
        !load_volatility(conn, facts, request->functions, error) || !load_types(conn, facts, request->types, error) ||
        !load_objects_find(conn, facts, request->objects, error) || !db_run(conn, set_path, DB_ARGS(""), error))
        return FALSE;
    /* The list grows: a partitioned table brings its partitions. */
    for (guint i = 0; i < pending->len; i++) {
        if (!load_table(conn, facts, pending, g_array_index(pending, gint64, i), error))
            return FALSE;
    }
    name_tables(facts);
    load_version_views(facts, request->versions, request->rising);
    return (request->version == NULL || load_version(conn, facts, request->version, error)) &&
           load_objects_fill(conn, facts, error) && load_taken(conn, facts, request->candidates, error);
}

Facts *
facts_load(DbConn *conn, const FactRequest *request, const char *search_path, GError **error)
{
    g_autoptr(Facts) facts = facts_new();
    const char *path = search_path != NULL ? search_path : db_settings(conn)->search_path;

    if (!db_run(conn, "BEGIN ISOLATION LEVEL REPEATABLE READ READ ONLY", DB_NONE, error) ||
        !load_all(conn, facts, request, path, error)) {
        db_abort(conn);
        return NULL;
    }
    if (!db_commit(conn, error))
        return NULL;
    return g_steal_pointer(&facts);
}
