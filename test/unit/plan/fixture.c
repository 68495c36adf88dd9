#include "fixture.h"

#include <string.h>

#include "base/error.h"
#include "base/sqltext.h"
#include "plan/planner.h"

static void
add_volatility(Facts *facts, const char *volatility, const char *names)
{
    g_auto(GStrv) list = g_strsplit(names, " ", -1);

    for (guint i = 0; list[i] != NULL; i++)
        g_hash_table_insert(facts->volatility, g_strdup(list[i]), g_strdup(volatility));
}

static void
add_type(Facts *facts, const char *name, gboolean is_constrained_domain)
{
    FactType *type = g_new0(FactType, 1);

    type->exists = TRUE;
    type->is_constrained_domain = is_constrained_domain;
    type->formatted = g_strdup(strcmp(name, "int") == 0 ? "integer" : name);
    g_hash_table_insert(facts->types, g_strdup(name), type);
}

Facts *
fixture_facts(void)
{
    static const char *const types[] = {"int",  "integer",     "bigint", "text",          "boolean", "numeric",
                                        "date", "timestamptz", "int[]",  "numeric(10,2)", "jsonb"};
    static const char *const builtin[] = {"now", "pg_catalog.now", "current_setting", "random"};
    Facts *facts = facts_new();

    facts->server_version = 150018;
    facts->database = g_strdup("shop");
    facts->role = g_strdup("keeper");
    facts->search_path = g_strdup("shop, public");
    facts->time_zone = g_strdup("Europe/Berlin");
    facts->date_style = g_strdup("ISO, DMY");
    facts->creation_schema = g_strdup("shop");
    facts->version = (FactVersion){.may_create = TRUE};
    add_volatility(facts, "i", "= <> < > <= >= + - * / || ~~ lower upper coalesce length pg_catalog.btrim");
    add_volatility(facts, "s", "now pg_catalog.now current_setting");
    add_volatility(facts, "v", "random nextval gen_random_uuid clock_timestamp");
    add_volatility(facts, "i", "max count");
    for (guint i = 0; i < G_N_ELEMENTS(builtin); i++)
        g_hash_table_add(facts->builtin, g_strdup(builtin[i]));
    g_hash_table_add(facts->aggregates, g_strdup("max"));
    g_hash_table_add(facts->aggregates, g_strdup("count"));
    for (guint i = 0; i < G_N_ELEMENTS(types); i++)
        add_type(facts, types[i], FALSE);
    add_type(facts, "positive", TRUE);
    add_type(facts, "bigserial", FALSE);
    return facts;
}

FactTable *
fixture_table(Facts *facts, const char *name)
{
    FactTable *table = g_new0(FactTable, 1);

    table->oid = 16384 + g_hash_table_size(facts->tables);
    table->schema = g_strdup("shop");
    table->name = g_strdup(name);
    table->kind = 'r';
    table->persistence = 'p';
    table->owner = g_strdup("keeper");
    table->is_owned = TRUE;
    table->rows = 1000000;
    table->bytes = 100000000;
    table->table_bytes = 100000000;
    table->index_bytes = 40000000;
    table->is_populated = TRUE;
    table->descendants = g_ptr_array_new();
    table->sources = g_ptr_array_new();
    table->columns = g_ptr_array_new();
    table->indexes = g_ptr_array_new();
    table->constraints = g_ptr_array_new();
    table->dependents = g_ptr_array_new();
    table->triggers = g_ptr_array_new_with_free_func(g_free);
    table->before_triggers = g_ptr_array_new_with_free_func(g_free);
    table->update_of = g_ptr_array_new_with_free_func(g_free);
    g_hash_table_insert(facts->tables, g_memdup2(&table->oid, sizeof(table->oid)), table);
    g_hash_table_insert(facts->relations, sql_quote_name(NULL, name), table);
    g_hash_table_insert(facts->relations, sql_quote_name("shop", name), table);
    return table;
}

FactColumn *
fixture_column(FactTable *table, const char *name, const char *type)
{
    FactColumn *column = g_new0(FactColumn, 1);

    column->name = g_strdup(name);
    column->number = (int)table->columns->len + 1;
    column->type = g_strdup(type);
    column->key_type = g_strdup(type);
    column->greater_operator = g_strdup("OPERATOR(pg_catalog.>)");
    column->at_most_operator = g_strdup("OPERATOR(pg_catalog.<=)");
    column->is_comparable = TRUE;
    g_ptr_array_add(table->columns, column);
    return column;
}

static GPtrArray *
list_of(const char *names)
{
    GPtrArray *list = g_ptr_array_new_with_free_func(g_free);
    g_auto(GStrv) parts = g_strsplit(names, ",", -1);

    for (guint i = 0; parts[i] != NULL; i++)
        g_ptr_array_add(list, g_strdup(parts[i]));
    return list;
}

FactIndex *
fixture_index(FactTable *table, const char *name, const char *columns)
{
    FactIndex *index = g_new0(FactIndex, 1);

    index->name = g_strdup(name);
    index->definition = g_strdup_printf("CREATE INDEX %s ON shop.%s (%s)", name, table->name, columns);
    index->columns = columns != NULL ? list_of(columns) : NULL;
    index->is_valid = TRUE;
    index->is_immediate = TRUE;
    g_ptr_array_add(table->indexes, index);
    return index;
}

FactIndex *
fixture_primary(FactTable *table, const char *columns)
{
    g_autofree char *name = g_strconcat(table->name, "_pkey", NULL);
    FactIndex *index = fixture_index(table, name, columns);

    index->constraint = g_strdup(name);
    index->is_unique = TRUE;
    index->is_primary = TRUE;
    for (guint i = 0; i < index->columns->len; i++) {
        FactColumn *column = (FactColumn *)facts_column(table, g_ptr_array_index(index->columns, i));
        column->is_not_null = TRUE;
    }
    fixture_constraint(table, 'p', name, columns);
    return index;
}

FactConstraint *
fixture_constraint(FactTable *table, char kind, const char *name, const char *columns)
{
    FactConstraint *constraint = g_new0(FactConstraint, 1);

    constraint->name = g_strdup(name);
    constraint->kind = kind;
    constraint->definition = g_strdup_printf("definition of %s", name);
    constraint->columns = list_of(columns);
    constraint->is_valid = TRUE;
    g_ptr_array_add(table->constraints, constraint);
    return constraint;
}

static void
foreign_key(FactTable *from, const char *columns, FactTable *to, const char *referenced)
{
    g_autofree char *name = g_strdup_printf("%s_%s_fkey", from->name, columns);
    FactConstraint *out = fixture_constraint(from, 'f', name, columns);
    FactConstraint *in = fixture_constraint(to, 'f', name, referenced);

    out->other_schema = g_strdup(to->schema);
    out->other_table = g_strdup(to->name);
    out->other_is_owned = to->is_owned;
    in->is_inbound = TRUE;
    in->other_schema = g_strdup(from->schema);
    in->other_table = g_strdup(from->name);
    in->other_is_owned = from->is_owned;
}

void
fixture_depends(FactTable *table, const char *column, const char *what)
{
    FactDependent *dependent = g_new0(FactDependent, 1);

    dependent->column = g_strdup(column);
    dependent->what = g_strdup(what);
    g_ptr_array_add(table->dependents, dependent);
}

static void
take_name(Facts *facts, const char *name)
{
    g_hash_table_add(facts->taken, sql_quote_name("shop", name));
}

static FactTable *
shop_users(Facts *facts)
{
    FactTable *users = fixture_table(facts, "users");
    FactColumn *column;

    fixture_column(users, "id", "bigint");
    fixture_column(users, "name", "text")->is_not_null = TRUE;
    fixture_column(users, "email", "text");
    fixture_column(users, "old_column", "text");
    fixture_column(users, "flag", "boolean");
    column = fixture_column(users, "n", "integer");
    column->is_not_null = TRUE;
    column->default_expr = g_strdup("0");
    fixture_column(users, "amount", "numeric");
    column = fixture_column(users, "shown", "text");
    column->is_generated = TRUE;
    column->default_expr = g_strdup("lower(name)");
    fixture_column(users, "seq", "bigint")->is_identity = TRUE;
    fixture_column(users, "Odd \"one\"", "text");
    fixture_column(users, "boss", "bigint");
    fixture_primary(users, "id");
    fixture_index(users, "users_email_idx", "email");
    fixture_index(users, "users_broken", "flag")->is_valid = FALSE;
    fixture_index(users, "users_replica", "n")->is_replica_identity = TRUE;
    foreign_key(users, "boss", users, "id");
    fixture_depends(users, "name", "view shop.adults");
    fixture_depends(users, "id", "constraint orders_user_id_fkey on table shop.orders");
    take_name(facts, "users_email_idx");
    take_name(facts, "users_broken");
    take_name(facts, "orders");
    g_hash_table_insert(facts->relations, g_strdup("users_email_idx"), users);
    g_hash_table_insert(facts->relations, g_strdup("users_pkey"), users);
    g_hash_table_insert(facts->relations, g_strdup("users_replica"), users);
    g_hash_table_insert(facts->relations, g_strdup("users_broken"), users);
    return users;
}

FactTable *
fixture_partition(Facts *facts, FactTable *parent, const char *name, const char *bound)
{
    FactTable *table = fixture_table(facts, name);

    for (guint i = 0; i < parent->columns->len; i++) {
        const FactColumn *column = g_ptr_array_index(parent->columns, i);
        FactColumn *own = fixture_column(table, column->name, column->type);

        own->is_not_null = column->is_not_null;
        own->default_expr = g_strdup(column->default_expr);
    }
    table->is_partition = TRUE;
    table->is_derived = TRUE;
    table->parent_schema = g_strdup(parent->schema);
    table->parent_name = g_strdup(parent->name);
    table->bound = g_strdup(bound);
    if (strcmp(bound, "DEFAULT") == 0) {
        g_free(parent->default_schema);
        g_free(parent->default_name);
        parent->default_schema = g_strdup(parent->schema);
        parent->default_name = g_strdup(name);
    }
    parent->has_children = TRUE;
    g_ptr_array_add(parent->descendants, table);
    return table;
}

static void
shop_others(Facts *facts)
{
    FactTable *pair = fixture_table(facts, "pair");
    FactTable *nokey = fixture_table(facts, "nokey");
    FactTable *theirs = fixture_table(facts, "theirs");
    FactTable *parted = fixture_table(facts, "parted");
    FactTable *adults = fixture_table(facts, "adults");

    fixture_column(pair, "a", "integer");
    fixture_column(pair, "Odd", "text");
    fixture_column(pair, "c", "text");
    fixture_primary(pair, "a,Odd");
    fixture_column(nokey, "a", "integer");
    fixture_column(nokey, "b", "text");
    fixture_index(nokey, "nokey_a", "a")->is_unique = TRUE;
    fixture_column(theirs, "a", "integer");
    theirs->is_owned = FALSE;
    g_free(theirs->owner);
    theirs->owner = g_strdup("somebody");
    fixture_column(parted, "a", "integer");
    fixture_column(parted, "b", "text");
    parted->kind = 'p';
    parted->strategy = 'r';
    parted->partition_key = g_strdup("RANGE (a)");
    parted->key_parts = list_of("a");
    parted->key_types = list_of("integer");
    fixture_partition(facts, parted, "parted_low", "FOR VALUES FROM (MINVALUE) TO (100)");
    fixture_partition(facts, parted, "parted_high", "FOR VALUES FROM (100) TO (200)");
    fixture_column(adults, "name", "text");
    adults->kind = 'v';
}

Facts *
fixture_shop(void)
{
    Facts *facts = fixture_facts();
    FactTable *users = shop_users(facts);
    FactTable *orders = fixture_table(facts, "orders");

    fixture_column(orders, "id", "bigint");
    fixture_column(orders, "user_id", "bigint");
    fixture_column(orders, "state", "text");
    fixture_column(orders, "total", "numeric");
    fixture_primary(orders, "id");
    fixture_index(orders, "orders_user_id_idx", "user_id");
    foreign_key(orders, "user_id", users, "id");
    g_ptr_array_add(orders->triggers, g_strdup("audit"));
    shop_others(facts);
    return facts;
}

static GPtrArray *
split_name(const char *text, const char *separator)
{
    GPtrArray *list = g_ptr_array_new_with_free_func(g_free);
    g_auto(GStrv) parts = g_strsplit(text, separator, -1);

    for (guint i = 0; text[0] != '\0' && parts[i] != NULL; i++)
        g_ptr_array_add(list, g_strdup(parts[i]));
    return list;
}

static FactObject *
make_object(const char *class, const char *name, char kind, const char *relation)
{
    FactObject *object = fact_object_new();
    const char *last = strrchr(name, '.') != NULL ? strrchr(name, '.') + 1 : name;

    object->class_oid = (gint64)g_str_hash(relation != NULL && strchr(name, '.') == NULL ? "relation" : class);
    object->oid = (gint64)g_str_hash(name);
    object->type = g_strdup(class);
    object->schema = g_strdup("shop");
    object->name = g_strndup(last, strcspn(last, "("));
    object->identity = g_strdup_printf("shop.%s", name);
    object->what = g_strdup_printf("%s shop.%s", class, name);
    object->signature = g_strdup(strchr(name, '(') != NULL ? strchr(name, '(') : "()");
    object->kind = kind;
    object->owner = g_strdup("keeper");
    object->is_owned = TRUE;
    object->acl_target = g_strdup_printf("%s shop.%s", relation != NULL ? "TABLE" : "FUNCTION", name);
    object->is_acl_exact = TRUE;
    g_ptr_array_add(object->acl, g_strdup_printf("GRANT ALL ON %s TO keeper", object->acl_target));
    if (relation != NULL) {
        object->relation.schema = g_strdup("shop");
        object->relation.name = g_strdup(relation);
        object->relation.kind = strcmp(class, "view") == 0 ? 'v' : strcmp(class, "sequence") == 0 ? 'S' : 'r';
        object->relation.is_owned = TRUE;
    }
    return object;
}

FactObject *
fixture_object(Facts *facts, const char *class, const char *name, char kind, const char *relation)
{
    gsize length = strcspn(name, "(");
    g_autofree char *bare = g_strndup(name, length);
    g_autofree char *inner =
        name[length] == '(' ? g_strndup(name + length + 1, strlen(name) - length - 2) : g_strdup("");
    g_autoptr(GPtrArray) names = split_name(bare, ".");
    g_autoptr(GPtrArray) args = split_name(inner, ", ");
    FactObject *there = make_object(class, name, kind, relation);

    g_hash_table_insert(facts->objects, fact_object_key(class, names, args, 0, NULL), there);
    if (relation != NULL && strchr(name, '.') == NULL) {
        g_hash_table_insert(facts->objects, fact_object_key("relation", names, args, 0, NULL),
                            make_object(class, name, kind, relation));
        if (strcmp(class, "view") == 0)
            g_hash_table_insert(facts->objects, fact_object_key("table", names, args, 0, NULL),
                                make_object(class, name, kind, relation));
    }
    return there;
}

/* The same object, as CREATE asks for it. */
static FactObject *
as_new(Facts *facts, const char *class, const char *name, char kind, const char *relation, const char *create)
{
    gsize length = strcspn(name, "(");
    g_autofree char *bare = g_strndup(name, length);
    g_autofree char *inner =
        name[length] == '(' ? g_strndup(name + length + 1, strlen(name) - length - 2) : g_strdup("");
    g_autoptr(GPtrArray) names = split_name(bare, ".");
    g_autoptr(GPtrArray) args = split_name(inner, ", ");
    FactObject *object = make_object(class, name, kind, relation);

    if (create != NULL)
        g_ptr_array_add(object->create, g_strdup(create));
    g_hash_table_insert(facts->objects, fact_object_key(class, names, args, FACT_OBJECT_NEW, NULL), object);
    return object;
}

void
fixture_follows(FactObject *object, const char *what, const char *type, const char *relation, gboolean is_part)
{
    FactFollower *follower = g_new0(FactFollower, 1);

    follower->what = g_strdup(what);
    follower->is_normal = !is_part;
    follower->type = g_strdup(type);
    if (relation != NULL) {
        follower->relation.schema = g_strdup("shop");
        follower->relation.name = g_strdup(relation);
        follower->relation.kind = strcmp(type, "view") == 0 ? 'v' : 'r';
        follower->relation.is_owned = TRUE;
    }
    g_ptr_array_add(object->followers, follower);
}

static void
both(Facts *facts, const char *class, const char *name, char kind, const char *relation, const char *create)
{
    FactObject *there = fixture_object(facts, class, name, kind, relation);

    if (create != NULL)
        g_ptr_array_add(there->create, g_strdup(create));
    as_new(facts, class, name, kind, relation, create);
}

void
fixture_objects(Facts *facts)
{
    FactObject *mood;
    FactObject *orders;

    both(facts, "view", "adults", 'v', "adults", "CREATE VIEW shop.adults AS SELECT name FROM shop.users");
    both(facts, "view", "seniors", 'v', "seniors", "CREATE VIEW shop.seniors AS SELECT name FROM shop.adults");
    both(facts, "function", "greet(text)", 'f', NULL, "CREATE OR REPLACE FUNCTION shop.greet(who text) ...");
    both(facts, "function", "old_greet(text)", 'f', NULL, "CREATE OR REPLACE FUNCTION shop.old_greet(text) ...");
    both(facts, "function", "touched()", 'f', NULL, "CREATE OR REPLACE FUNCTION shop.touched() ...");
    both(facts, "trigger", "orders.audit", '\0', "orders", "CREATE TRIGGER audit BEFORE UPDATE ON shop.orders ...");
    both(facts, "sequence", "numbers", 'S', "numbers", NULL);
    mood = fixture_object(facts, "type", "mood", 'e', NULL);
    g_ptr_array_add(mood->labels, g_strdup("sad"));
    /* Relations share their names. */
    as_new(facts, "materialized view", "adults", 'v', "adults", NULL);
    as_new(facts, "view", "orders", 'r', "orders", NULL);
    fixture_object(facts, "table", "users", 'r', "users");
    orders = fixture_object(facts, "table", "orders", 'r', "orders");
    orders->comment = g_strdup("what people's carts held");
    fixture_object(facts, "table column", "orders.state", '\0', "orders");
}

char *
fixture_shape(const Plan *plan)
{
    GString *out = g_string_new(NULL);

    for (guint i = 0; i < plan->steps->len; i++) {
        const Step *step = g_ptr_array_index(plan->steps, i);

        g_assert_cmpint(step->id, ==, (int)i + 1);
        g_string_append_printf(out, "%s%s %s %s.%s", i > 0 ? "\n" : "", phase_name(step->phase),
                               step_trait(step->kind)->name, step->schema != NULL ? step->schema : "",
                               step->table != NULL ? step->table : "");
        for (guint k = 0; k < step->locks->len; k++) {
            const StepLock *lock = g_ptr_array_index(step->locks, k);

            g_string_append_printf(out, " [%s on %s.%s, %s]", lock_mode_name(lock->mode), lock->schema, lock->table,
                                   lock_hold_name(lock->hold));
        }
    }
    return g_string_free(out, FALSE);
}

static Plan *
plan_text(Facts *facts, const char *sql, GError **error)
{
    Facts *shop = facts != NULL ? NULL : fixture_shop();
    g_autoptr(GError) why = NULL;
    g_autoptr(Script) script = script_read("m.sql", sql, &why);
    Plan *plan;

    if (why != NULL)
        g_test_message("%s", why->message);
    g_assert_no_error(why);
    plan = planner_build(script, facts != NULL ? facts : shop, error);
    facts_free(shop);
    return plan;
}

Plan *
must_plan(Facts *facts, const char *sql)
{
    g_autoptr(GError) error = NULL;
    Plan *plan = plan_text(facts, sql, &error);

    if (error != NULL)
        g_test_message("%s\n%s\n%s", sql, error->message, seam_error_get_detail(error));
    g_assert_no_error(error);
    return plan;
}

void
assert_shape(Facts *facts, const char *sql, const char *shape)
{
    g_autoptr(Plan) plan = must_plan(facts, sql);
    g_autofree char *actual = fixture_shape(plan);

    if (strcmp(actual, shape) != 0)
        g_test_message("%s", sql);
    g_assert_cmpstr(actual, ==, shape);
}

void
assert_refusal(Facts *facts, const char *sql, const char *message, const char *hint)
{
    g_autoptr(GError) error = NULL;
    g_autoptr(Plan) plan = plan_text(facts, sql, &error);
    const char *detail = seam_error_get_detail(error);

    if (plan != NULL || strstr(detail, message) == NULL || (hint == NULL) != (strstr(detail, "\nhint: ") == NULL) ||
        (hint != NULL && strstr(detail, hint) == NULL))
        g_test_message("%s\n%s", sql, plan != NULL ? "was planned" : detail);
    g_assert_null(plan);
    g_assert_true(seam_error_is(error, SEAM_ERROR_REFUSED));
    g_assert_nonnull(strstr(detail, message));
    g_assert_cmpint(hint != NULL, ==, strstr(detail, "\nhint: ") != NULL);
    if (hint != NULL)
        g_assert_nonnull(strstr(strstr(detail, "\nhint: "), hint));
    g_assert_nonnull(strstr(detail, "m.sql:"));
    g_assert_nonnull(strstr(detail, "^"));
}
