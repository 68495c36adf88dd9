/*
 * Names of objects, as the catalog is asked for them and as SQL takes them.
 */
#include <string.h>

#include "base/sqltext.h"
#include "plan/objects.h"

const FactObject *
objects_fact(const PlanContext *ctx, const ObjectName *name, guint flags)
{
    g_autofree char *key = fact_object_key(name->class, name->names, name->args,
                                           flags | (name->any_args ? FACT_OBJECT_ANY_ARGS : 0), NULL);

    return facts_object(ctx->facts, key);
}

static char *
joined(const GPtrArray *list, const char *separator, gboolean is_quoted)
{
    GString *out = g_string_new(NULL);

    for (guint i = 0; i < list->len; i++) {
        const char *item = g_ptr_array_index(list, i);
        g_autofree char *quoted = is_quoted ? sql_quote_ident(item) : g_strdup(item);

        g_string_append_printf(out, "%s%s", i > 0 ? separator : "", quoted);
    }
    return g_string_free(out, FALSE);
}

static gboolean
is_one_of(const char *class, const char *const *list)
{
    return g_strv_contains(list, class);
}

static const char *const typed[] = {"type", "domain", "cast", NULL};
static const char *const called[] = {"function", "procedure", "routine", "aggregate", NULL};
static const char *const carried[] = {"trigger", "policy", "rule", "table constraint", NULL};
static const char *const plain[] = {"schema",   "extension", "publication", "server", "foreign-data wrapper",
                                    "language", NULL};

char *
object_shown(const ObjectName *name)
{
    g_autofree char *names =
        joined(name->names, ".", !is_one_of(name->class, typed) && strcmp(name->class, "operator") != 0);
    g_autofree char *args = joined(name->args, ", ", FALSE);

    if (is_one_of(name->class, called) && !name->any_args)
        return g_strdup_printf("%s(%s)", names, args);
    if (strcmp(name->class, "cast") == 0)
        return g_strdup_printf("(%s AS %s)", names, args);
    return g_steal_pointer(&names);
}

/* "audit ON shop.t": the table is there, or it is made by this file in the creation schema. */
static char *
carried_name(const PlanContext *ctx, const ObjectStmt *stmt, const ObjectName *name)
{
    const char *own = g_ptr_array_index(name->names, name->names->len - 1);
    const char *table = g_ptr_array_index(name->names, name->names->len - 2);
    const char *schema =
        name->names->len > 2 ? g_ptr_array_index(name->names, name->names->len - 3) : ctx->facts->creation_schema;
    const FactObject *carrier =
        stmt->carriers->len > 0 ? objects_fact(ctx, g_ptr_array_index(stmt->carriers, 0), 0) : NULL;

    if (carrier != NULL) {
        schema = carrier->relation.schema;
        table = carrier->relation.name;
    }
    return sql_build("? ON ?", sql_ident(own), sql_name(schema, table));
}

static char *
typed_name(const PlanContext *ctx, const ObjectName *name)
{
    const char *text = g_ptr_array_index(name->names, 0);
    g_autofree char *schema = sql_quote_ident(ctx->facts->creation_schema);

    return strchr(text, '.') != NULL ? g_strdup(text) : g_strconcat(schema, ".", text, NULL);
}

char *
object_new_name(const PlanContext *ctx, const ObjectStmt *stmt, const ObjectName *name, GError **error)
{
    const char *last = name->names->len > 0 ? g_ptr_array_index(name->names, name->names->len - 1) : "";
    const char *schema =
        name->names->len > 1 ? g_ptr_array_index(name->names, name->names->len - 2) : ctx->facts->creation_schema;
    g_autofree char *args = joined(name->args, ", ", FALSE);
    g_autofree char *shown = object_shown(name);
    g_autofree char *quoted = NULL;

    if (is_one_of(name->class, plain))
        return sql_quote_ident(last);
    if (strcmp(name->class, "cast") == 0)
        return g_steal_pointer(&shown);
    if (is_one_of(name->class, carried))
        return carried_name(ctx, stmt, name);
    if (is_one_of(name->class, typed) && strchr(last, '.') != NULL)
        return g_strdup(last);
    if (schema == NULL) {
        context_refuse(error, "name the schema", "the search_path has no schema to create %s in", shown);
        return NULL;
    }
    if (is_one_of(name->class, typed))
        return typed_name(ctx, name);
    if (strcmp(name->class, "operator") == 0) {
        quoted = sql_quote_ident(schema);
        return g_strdup_printf("%s.%s (%s)", quoted, last, args);
    }
    quoted = sql_quote_name(schema, last);
    if (!is_one_of(name->class, called))
        return g_steal_pointer(&quoted);
    if (strcmp(name->class, "aggregate") == 0 && name->args->len == 0)
        return g_strconcat(quoted, "(*)", NULL);
    return g_strdup_printf("%s(%s)", quoted, args);
}

GPtrArray *
objects_renamed_names(const ObjectStmt *stmt, const ObjectName *name)
{
    GPtrArray *names;
    const char *last = name->names->len > 0 ? g_ptr_array_index(name->names, name->names->len - 1) : NULL;

    if (last == NULL || strcmp(stmt->action, "RENAME TO") != 0 || strcmp(name->class, "cast") == 0)
        return NULL;
    names = g_ptr_array_new_with_free_func(g_free);
    if (is_one_of(name->class, typed)) {
        const char *dot = strrchr(last, '.');
        g_autofree char *quoted = sql_quote_ident(stmt->name);

        g_ptr_array_add(names, g_strdup_printf("%.*s%s", dot != NULL ? (int)(dot - last) + 1 : 0, last, quoted));
        return names;
    }
    for (guint i = 0; i + 1 < name->names->len; i++)
        g_ptr_array_add(names, g_strdup(g_ptr_array_index(name->names, i)));
    g_ptr_array_add(names, g_strdup(stmt->name));
    return names;
}

/* Classes that share one space of names. */
static const char *
space_of(const char *class)
{
    static const char *const relations[] = {"relation", "table",         "view",  "materialized view",
                                            "sequence", "foreign table", "index", NULL};

    if (is_one_of(class, relations))
        return "relation";
    if (strcmp(class, "domain") == 0)
        return "type";
    return is_one_of(class, called) ? "routine" : class;
}

char *
object_key(const PlanContext *ctx, const ObjectName *name, char **ret_args)
{
    guint parts = is_one_of(name->class, carried) || strcmp(name->class, "table column") == 0 ? 3 : 2;
    const char *schema = ctx->facts->creation_schema != NULL ? ctx->facts->creation_schema : "";
    g_autofree char *names = joined(name->names, ".", !is_one_of(name->class, typed));
    gboolean is_bare = is_one_of(name->class, typed) ? strchr(names, '.') == NULL : name->names->len < parts;
    g_autofree char *quoted = sql_quote_ident(schema);

    *ret_args = joined(name->args, ", ", FALSE);
    if (is_one_of(name->class, plain) || !is_bare)
        return g_strdup_printf("%s %s", space_of(name->class), names);
    return g_strdup_printf("%s %s.%s", space_of(name->class), quoted, names);
}

char *
object_word(const ObjectName *name)
{
    const char *last = name->names->len > 0 ? g_ptr_array_index(name->names, name->names->len - 1) : "";
    const char *dot = is_one_of(name->class, typed) ? strrchr(last, '.') : NULL;
    const char *word = dot != NULL ? dot + 1 : last;
    gsize length = strlen(word);

    if (length > 2 && word[0] == '"' && is_one_of(name->class, typed))
        return g_strndup(word + 1, length - 2);
    return g_strdup(word);
}

/* SET SCHEMA of an earlier line: the name stays, and may be asked for in its new schema. */
static gboolean
is_moved_here(const PlanContext *ctx, const char *word)
{
    for (guint i = 0; i < ctx->script->stmts->len; i++) {
        const Stmt *stmt = g_ptr_array_index(ctx->script->stmts, i);
        g_autofree char *moved = NULL;

        if (stmt == ctx->stmt)
            break;
        if (stmt->kind != STMT_OBJECT || stmt->object.verb != OBJECT_SET_SCHEMA)
            continue;
        moved = object_word(g_ptr_array_index(stmt->object.objects, 0));
        if (strcmp(moved, word) == 0)
            return TRUE;
    }
    return FALSE;
}

gboolean
objects_is_of_file(const PlanContext *ctx, const ObjectName *name)
{
    g_autofree char *word = object_word(name);
    const char *schema =
        name->names->len > 1 ? g_ptr_array_index(name->names, name->names->len - 2) : ctx->facts->creation_schema;

    return objects_made(ctx, name) != NULL || objects_late_place(ctx, word) != NULL || is_moved_here(ctx, word) ||
           (strcmp(space_of(name->class), "relation") == 0 && context_is_created(ctx, schema, word));
}

void
objects_refuse_missing(const PlanContext *ctx, const ObjectName *name, GError **error)
{
    g_autofree char *shown = object_shown(name);
    g_autofree char *word = object_word(name);
    const Step *step = objects_step_with(ctx, word);

    if (objects_is_of_file(ctx, name) && (step == NULL || step->phase != PHASE_CONTRACT))
        context_refuse(error,
                       "write it so that it is right from the beginning, or put this into a migration of its own",
                       "%s %s is made by this file", name->class, shown);
    else if (step != NULL && step->phase == PHASE_CONTRACT)
        context_refuse(error, "put it into a migration of its own, to run after this one is complete",
                       "%s %s is not there before the contract phase: see %s", name->class, shown, step->place);
    else
        context_refuse(error, name->any_args ? "write its parameters' types, if there are several of the name" : NULL,
                       "%s %s does not exist (search_path: %s)", name->class, shown, ctx->facts->search_path);
}
