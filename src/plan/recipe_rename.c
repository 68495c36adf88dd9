/*
 * RENAME, SET SCHEMA and OWNER TO of everything: under its new name the old application does not find it.
 */
#include <string.h>

#include "base/sqltext.h"
#include "plan/objects.h"

static const char *
relation_keyword(char kind)
{
    switch (kind) {
        case 'v':
            return "VIEW";
        case 'm':
            return "MATERIALIZED VIEW";
        case 'S':
            return "SEQUENCE";
        case 'f':
            return "FOREIGN TABLE";
        case 'i':
        case 'I':
            return "INDEX";
        case 'c':
            return "TYPE";
        default:
            return "TABLE";
    }
}

/* The keyword by which ALTER takes an object that is there. */
static const char *
alter_keyword(const FactObject *old)
{
    const ObjectClass *class = object_class(old->type);

    if (strcmp(old->type, "type") == 0)
        return old->kind == 'd' ? "DOMAIN" : "TYPE";
    return class != NULL ? class->keyword : relation_keyword(old->kind);
}

/* ALTER ... RENAME back: how depends on what it is a part of. */
static char *
rename_back(const ObjectStmt *stmt, const FactObject *old)
{
    const char *new_name = stmt->name;
    const char *part = stmt->part;
    const FactRelation *relation = &old->relation;
    const char *table = relation_keyword(relation->kind);

    if (strcmp(stmt->action, "RENAME VALUE") == 0)
        return sql_build("ALTER TYPE ? RENAME VALUE ? TO ?", sql_raw(old->identity), sql_literal(new_name),
                         sql_literal(part));
    if (strcmp(stmt->action, "RENAME ATTRIBUTE") == 0)
        return sql_build("ALTER TYPE ? RENAME ATTRIBUTE ? TO ??", sql_raw(old->identity), sql_ident(new_name),
                         sql_ident(part), sql_raw(stmt->is_cascade ? " CASCADE" : ""));
    if (strcmp(stmt->action, "RENAME CONSTRAINT") == 0)
        return sql_build("ALTER DOMAIN ? RENAME CONSTRAINT ? TO ?", sql_raw(old->identity), sql_ident(new_name),
                         sql_ident(part));
    if (strcmp(stmt->class, "table column") == 0)
        return sql_build("ALTER ? ? RENAME COLUMN ? TO ?", sql_raw(table), sql_name(relation->schema, relation->name),
                         sql_ident(new_name), sql_ident(part));
    if (strcmp(stmt->class, "table constraint") == 0)
        return sql_build("ALTER TABLE ? RENAME CONSTRAINT ? TO ?", sql_name(relation->schema, relation->name),
                         sql_ident(new_name), sql_ident(part));
    if (strcmp(stmt->class, "trigger") == 0 || strcmp(stmt->class, "policy") == 0 || strcmp(stmt->class, "rule") == 0)
        return sql_build("ALTER ? ? ON ? RENAME TO ?", sql_raw(object_class(stmt->class)->keyword), sql_ident(new_name),
                         sql_name(relation->schema, relation->name), sql_ident(part));
    return sql_build(
        "ALTER ? ?? RENAME TO ?", sql_raw(alter_keyword(old)), sql_name(old->schema, new_name),
        sql_raw(strchr("fpwa", old->kind) != NULL && old->kind != '\0' && strchr(old->identity, '(') != NULL
                    ? old->signature
                    : ""),
        sql_ident(old->name));
}

static const char *
renamed_word(const ObjectStmt *stmt, const FactObject *old)
{
    return stmt->part != NULL ? stmt->part : old->name;
}

/* The new name must be free, or be given up by an earlier statement: then both are one transaction. */
static gboolean
check_new_name(PlanContext *ctx, const FactObject *old, Piece **ret_partner, GError **error)
{
    const ObjectStmt *stmt = &ctx->stmt->object;
    const ObjectName *name = g_ptr_array_index(stmt->objects, 0);
    g_autofree char *key = NULL;
    g_autoptr(GPtrArray) names = objects_renamed_names(stmt, name);
    const FactObject *taken;

    *ret_partner = NULL;
    if (names == NULL)
        return TRUE;
    key = fact_object_key(name->class, names, name->args, name->any_args ? FACT_OBJECT_ANY_ARGS : 0, NULL);
    taken = facts_object(ctx->facts, key);
    if (taken == NULL || g_strcmp0(taken->schema, old->schema) != 0)
        return TRUE;
    *ret_partner = objects_renamed(ctx, taken);
    if (*ret_partner != NULL)
        return TRUE;
    context_refuse(error,
                   objects_dropped(ctx, taken) != NULL ? "rename it in a migration of its own, after this one" : NULL,
                   "%s exists already", taken->what);
    return FALSE;
}

static void
note_followers(PlanContext *ctx, const FactObject *old)
{
    g_autoptr(GString) users = g_string_new(NULL);

    for (guint i = 0; i < old->followers->len; i++) {
        const FactFollower *follower = g_ptr_array_index(old->followers, i);

        if (follower->is_normal)
            g_string_append_printf(users, "%s%s", users->len > 0 ? ", " : "", follower->what);
    }
    if (users->len > 0)
        plan_note(ctx->plan, "%s: what knows %s by more than its text follows the new name: %s", ctx->stmt->place,
                  old->what, users->str);
}

static void
lock_rename(PlanContext *ctx, Piece *piece, const FactObject *old, const char *verb)
{
    const ObjectClass *class = object_class(ctx->stmt->object.class);
    /* ALTER TABLE takes views and sequences, too. */
    g_autofree char *statement = g_strdup_printf(
        "%s %s", verb, strcmp(class->class, "table") == 0 ? relation_keyword(old->kind) : class->keyword);

    if (strcmp(class->class, "table column") == 0 || strcmp(class->class, "trigger") == 0 ||
        strcmp(class->class, "table constraint") == 0)
        piece_lock_family(ctx, piece, statement, old);
    else
        piece_lock(ctx, piece, statement, &old->relation);
}

/* An index of a constraint has its name, and ON CONFLICT ON CONSTRAINT knows it. */
static gboolean
is_known_to_applications(const ObjectStmt *stmt, const FactObject *old)
{
    if (strcmp(stmt->action, "RENAME CONSTRAINT") == 0)
        return FALSE;
    if (strcmp(stmt->class, "index") != 0)
        return object_class(stmt->class)->is_named_late;
    for (guint i = 0; i < old->followers->len; i++) {
        if (strcmp(((const FactFollower *)g_ptr_array_index(old->followers, i))->type, "table constraint") == 0)
            return TRUE;
    }
    return FALSE;
}

/* Steps of contract that cannot be undone run last: where one of them still says the old name, the rename comes after
 * it. */
static gboolean
must_come_last(const PlanContext *ctx, const char *word)
{
    for (guint i = 0; i < ctx->phases[PHASE_CONTRACT]->len; i++) {
        const Step *step = g_ptr_array_index(ctx->phases[PHASE_CONTRACT], i);

        if (step_trait(step->kind)->is_final && sql_mentions(step->sql, word))
            return TRUE;
    }
    return FALSE;
}

static void
add_rename(PlanContext *ctx, const FactObject *old, Piece *partner)
{
    const ObjectStmt *stmt = &ctx->stmt->object;
    gboolean is_late = is_known_to_applications(stmt, old);
    Phase phase = is_late ? PHASE_CONTRACT : objects_phase(ctx, TRUE);
    Piece *piece = objects_piece(ctx, g_strdup(ctx->stmt->text), phase, &old->relation);

    piece->old = old;
    piece->is_exact = !must_come_last(ctx, renamed_word(stmt, old));
    piece->why = g_strdup(is_late ? "the old application knows it by its old name: waits behind the gate"
                                  : "no application knows its name");
    lock_rename(ctx, piece, old, "RENAME");
    piece_undo(piece, rename_back(stmt, old));
    if (stmt->part == NULL && old->relation.name != NULL && old->column == 0 && strchr("rpvmSf", old->kind) != NULL)
        piece->renames = sql_quote_name(old->schema, old->name);
    if (is_late) {
        objects_note_late(ctx, stmt->name);
        note_followers(ctx, old);
        plan_note(ctx->plan, "%s: the old application fails once %s has its new name: be sure that it is gone",
                  ctx->stmt->place, old->what);
    }
    objects_note_renamed(ctx, piece);
    objects_place(ctx, piece, partner);
}

static gboolean
check_object(PlanContext *ctx, const FactObject **ret_old, GError **error)
{
    const ObjectStmt *stmt = &ctx->stmt->object;
    const ObjectName *name = g_ptr_array_index(stmt->objects, 0);
    const FactObject *old = objects_fact(ctx, name, 0);
    g_autofree char *shown = object_shown(name);

    *ret_old = NULL;
    if (object_class(stmt->class) == NULL)
        return recipe_none(ctx, error);
    if (old == NULL && stmt->if_exists && !objects_is_of_file(ctx, name)) {
        plan_note(ctx->plan, "%s: there is no %s %s, nothing to do", ctx->stmt->place, stmt->class, shown);
        return TRUE;
    }
    if (old == NULL) {
        objects_refuse_missing(ctx, name, error);
        return FALSE;
    }
    if (objects_dropped(ctx, old) != NULL || objects_renamed(ctx, old) != NULL) {
        context_refuse(error, "put it into a migration of its own",
                       "%s is dropped, renamed or moved by an earlier line already", old->what);
        return FALSE;
    }
    if (!old->is_owned) {
        context_refuse(error, "connect as its owner", "role \"%s\" does not own %s: it belongs to \"%s\"",
                       ctx->facts->role, old->what, old->owner);
        return FALSE;
    }
    *ret_old = old;
    return TRUE;
}

static gboolean
check_label(const ObjectStmt *stmt, const FactObject *old, GError **error)
{
    if (strcmp(stmt->action, "RENAME VALUE") != 0)
        return TRUE;
    if (!g_ptr_array_find_with_equal_func(old->labels, stmt->part, g_str_equal, NULL)) {
        context_refuse(error, NULL, "%s has no value \"%s\"", old->what, stmt->part);
        return FALSE;
    }
    if (g_ptr_array_find_with_equal_func(old->labels, stmt->name, g_str_equal, NULL)) {
        context_refuse(error, NULL, "%s has a value \"%s\" already", old->what, stmt->name);
        return FALSE;
    }
    return TRUE;
}

gboolean
recipe_object_rename(PlanContext *ctx, GError **error)
{
    const FactObject *old;
    Piece *partner = NULL;

    if (!check_object(ctx, &old, error))
        return FALSE;
    if (old == NULL)
        return TRUE;
    if (!check_label(&ctx->stmt->object, old, error) || !check_new_name(ctx, old, &partner, error))
        return FALSE;
    add_rename(ctx, old, partner);
    return TRUE;
}

static char *
move_back(const ObjectStmt *stmt, const FactObject *old)
{
    const char *signature = strchr(old->identity, '(') != NULL ? old->signature : "";

    if (stmt->verb == OBJECT_OWNER)
        return sql_build("ALTER ? ? OWNER TO ?", sql_raw(alter_keyword(old)), sql_raw(old->identity),
                         sql_ident(old->owner));
    return sql_build("ALTER ? ?? SET SCHEMA ?", sql_raw(alter_keyword(old)), sql_name(stmt->name, old->name),
                     sql_raw(signature), sql_ident(old->schema));
}

/* SET SCHEMA and OWNER TO. */
gboolean
recipe_object_move(PlanContext *ctx, GError **error)
{
    const ObjectStmt *stmt = &ctx->stmt->object;
    const ObjectName *name = g_ptr_array_index(stmt->objects, 0);
    Piece *made = objects_made(ctx, name);
    const FactObject *old = NULL;
    Piece *piece;

    if (made == NULL && !check_object(ctx, &old, error))
        return FALSE;
    if (made == NULL && old == NULL)
        return TRUE;
    piece = objects_piece(ctx, g_strdup(ctx->stmt->text), made != NULL ? made->phase : PHASE_CONTRACT,
                          old != NULL ? &old->relation : NULL);
    if (made != NULL) {
        piece->why = g_strdup_printf("of what %s makes", made->stmt->place);
        objects_place(ctx, piece, objects_is_remade(ctx, made) ? made : NULL);
        return TRUE;
    }
    piece->old = old;
    piece->is_exact = !must_come_last(ctx, old->name) && (!old->has_acl || old->is_acl_exact) && old->schema != NULL;
    piece->why = g_strdup(stmt->verb == OBJECT_OWNER
                              ? "the old owner loses what only an owner may do: waits behind the gate"
                              : "the old application looks for it in its old schema: waits behind the gate");
    lock_rename(ctx, piece, old, stmt->verb == OBJECT_OWNER ? "OWNER" : "SET SCHEMA");
    piece_undo(piece, move_back(stmt, old));
    if (stmt->verb == OBJECT_OWNER && old->has_acl)
        piece_undo_all(piece, old->acl);
    if (stmt->verb == OBJECT_SET_SCHEMA) {
        if (old->relation.name != NULL)
            piece->renames = sql_quote_name(old->schema, old->name);
        objects_note_renamed(ctx, piece);
        note_followers(ctx, old);
    }
    objects_place(ctx, piece, NULL);
    return TRUE;
}
