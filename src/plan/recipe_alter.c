/*
 * ALTER of what is there, in place: one row for each class and action.
 */
#include <string.h>

#include "base/sqltext.h"
#include "plan/objects.h"

typedef gboolean (*AlterCheck)(PlanContext *, const FactObject *, GError **);

typedef struct AlterRow {
    const char *class;
    const char *action;
    Phase phase;
    const char *aspect; /* of FactObject.alter: what takes it back; NULL: `undo`, or nothing does */
    void (*undo)(PlanContext *, Piece *, const FactObject *);
    gboolean stays;   /* rollback leaves it: it does no harm */
    AlterCheck check; /* a refusal, or NULL; TRUE without an error: go on */
    const char *note; /* or NULL */
} AlterRow;

static void
undo_options(PlanContext *ctx, Piece *piece, const FactObject *old)
{
    const ObjectStmt *stmt = &ctx->stmt->object;
    const GPtrArray *before = g_hash_table_lookup(old->alter, "options");
    g_autoptr(GString) names = g_string_new(NULL);

    for (guint i = 0; i < stmt->options->len; i++) {
        g_autofree char *name = sql_quote_ident(g_ptr_array_index(stmt->options, i));

        g_string_append_printf(names, "%s%s", i > 0 ? ", " : "", name);
    }
    piece_undo(piece, sql_build("ALTER ? ? RESET (?)", sql_raw(object_class(stmt->class)->keyword),
                                sql_raw(old->identity), sql_raw(names->str)));
    if (before != NULL)
        piece_undo_all(piece, before);
}

static void
undo_policy(PlanContext *ctx, Piece *piece, const FactObject *old)
{
    piece_undo(piece, sql_build("DROP POLICY ?", sql_raw(old->identity)));
    piece->is_exact = piece_undo_create(piece, old);
}

static void
undo_attribute(PlanContext *ctx, Piece *piece, const FactObject *old)
{
    piece_undo(piece,
               sql_build("ALTER TYPE ? DROP ATTRIBUTE ?", sql_raw(old->identity), sql_ident(ctx->stmt->object.name)));
}

static void
undo_domain_constraint(PlanContext *ctx, Piece *piece, const FactObject *old)
{
    piece_undo(piece, sql_build("ALTER DOMAIN ? DROP CONSTRAINT ?", sql_raw(old->identity),
                                sql_ident(ctx->stmt->object.part)));
}

static void
undo_publish_table(PlanContext *ctx, Piece *piece, const FactObject *old)
{
    const ObjectStmt *stmt = &ctx->stmt->object;

    for (guint i = 0; i < stmt->carriers->len; i++) {
        const FactObject *table = objects_fact(ctx, g_ptr_array_index(stmt->carriers, i), 0);

        if (table != NULL)
            piece_undo(piece, sql_build("ALTER PUBLICATION ? DROP TABLE ?", sql_raw(old->identity),
                                        sql_name(table->relation.schema, table->relation.name)));
    }
}

/* A table of which a column has the type, directly or within another type; NULL if none has rows. */
static const FactFollower *
user_with_rows(const FactObject *old)
{
    for (guint i = 0; i < old->followers->len; i++) {
        const FactFollower *follower = g_ptr_array_index(old->followers, i);

        if (strcmp(follower->type, "table column") == 0 && follower->bytes > 0)
            return follower;
    }
    return NULL;
}

static gboolean
check_domain_unused(PlanContext *ctx, const FactObject *old, GError **error)
{
    const FactFollower *user = user_with_rows(old);

    if (user == NULL)
        return TRUE;
    context_refuse(
        error,
        "forbid it for new values with ADD CONSTRAINT ... NOT VALID, which reads nothing; or put a CHECK on the "
        "tables, which is validated online",
        "it reads every table that uses %s under SHARE, which stops their writers: %s", old->what, user->what);
    return FALSE;
}

static gboolean
check_domain_name(PlanContext *ctx, const FactObject *old, GError **error)
{
    if (ctx->stmt->object.part != NULL)
        return TRUE;
    context_refuse(error, "ADD CONSTRAINT name CHECK ...",
                   "a constraint without a name could not be found again by rollback");
    return FALSE;
}

static gboolean
check_domain_check(PlanContext *ctx, const FactObject *old, GError **error)
{
    return check_domain_name(ctx, old, error) && check_domain_unused(ctx, old, error);
}

static gboolean
check_attribute(PlanContext *ctx, const FactObject *old, GError **error)
{
    if (!ctx->stmt->object.is_cascade && user_with_rows(old) == NULL && ctx->stmt->object.name != NULL)
        return TRUE;
    context_refuse(error, "make a new type, and give the application a new column of it",
                   "%s is used by tables, or several attributes are changed at once: not supported online", old->what);
    return FALSE;
}

static gboolean
check_attribute_gone(PlanContext *ctx, const FactObject *old, GError **error)
{
    if (!ctx->stmt->object.is_cascade && user_with_rows(old) == NULL)
        return TRUE;
    context_refuse(error, "make a new type, and give the application a new column of it",
                   "%s is used by tables: that rewrites them, or takes from their rows", old->what);
    return FALSE;
}

static gboolean
check_published(PlanContext *ctx, const FactObject *old, GError **error)
{
    const ObjectStmt *stmt = &ctx->stmt->object;

    for (guint i = 0; i < stmt->carriers->len; i++) {
        const FactObject *table = objects_fact(ctx, g_ptr_array_index(stmt->carriers, i), 0);

        if (table == NULL) {
            context_refuse(error, "put it into a migration of its own, after this one",
                           "a table that it names does not exist now");
            return FALSE;
        }
        if (!table->has_identity) {
            context_refuse(
                error, "give the table a primary key or a replica identity first",
                "table %s.%s has no replica identity: once it is published, each UPDATE and DELETE on it fails",
                table->relation.schema, table->relation.name);
            return FALSE;
        }
    }
    return TRUE;
}

/* OWNED BY together with other options: one undo would not do for both. */
static gboolean
check_only_owner(PlanContext *ctx, const FactObject *old, GError **error)
{
    static const char *const others[] = {"INCREMENT", "MINVALUE", "MAXVALUE", "START",
                                         "RESTART",   "CACHE",    "CYCLE",    "AS"};

    for (gsize i = 0; i < G_N_ELEMENTS(others); i++) {
        if (!sql_mentions(ctx->stmt->text, others[i]))
            continue;
        context_refuse(error, "write OWNED BY as a statement of its own", "OWNED BY together with other options");
        return FALSE;
    }
    return TRUE;
}

#define STAYS TRUE
static const AlterRow rows[] = {
    {"sequence", "SET OPTIONS", PHASE_EXPAND, "sequence", NULL, FALSE, NULL, NULL},
    {"sequence", "OWNED BY", PHASE_EXPAND, "owned by", NULL, FALSE, check_only_owner,
     "from here on the sequence goes with its column"},
    {"sequence", "RESTART", PHASE_EXPAND, "sequence", NULL, FALSE, NULL,
     "rollback does not turn the sequence's value back: both applications may have taken some"},
    {"view", "SET", PHASE_EXPAND, NULL, undo_options, FALSE, NULL, NULL},
    {"view", "RESET", PHASE_EXPAND, NULL, undo_options, FALSE, NULL, NULL},
    {"view", "ALTER COLUMN DEFAULT", PHASE_EXPAND, "column default", NULL, FALSE, NULL, NULL},
    {"materialized view", "SET", PHASE_EXPAND, NULL, undo_options, FALSE, NULL, NULL},
    {"materialized view", "RESET", PHASE_EXPAND, NULL, undo_options, FALSE, NULL, NULL},
    {"index", "SET", PHASE_EXPAND, NULL, undo_options, FALSE, NULL, NULL},
    {"index", "RESET", PHASE_EXPAND, NULL, undo_options, FALSE, NULL, NULL},
    {"type", "ADD VALUE", PHASE_EXPAND, NULL, NULL, STAYS, NULL,
     "rollback leaves the value: PostgreSQL cannot take one away from an enum"},
    {"type", "ADD ATTRIBUTE", PHASE_EXPAND, NULL, undo_attribute, FALSE, check_attribute, NULL},
    {"type", "DROP ATTRIBUTE", PHASE_CONTRACT, NULL, NULL, FALSE, check_attribute_gone, NULL},
    {"type", "ALTER ATTRIBUTE", PHASE_CONTRACT, NULL, NULL, FALSE, check_attribute_gone, NULL},
    {"domain", "SET DEFAULT", PHASE_EXPAND, "default", NULL, FALSE, NULL, NULL},
    {"domain", "DROP DEFAULT", PHASE_CONTRACT, "default", NULL, FALSE, NULL, NULL},
    {"domain", "DROP NOT NULL", PHASE_CONTRACT, NULL, NULL, FALSE, NULL, NULL},
    {"domain", "SET NOT NULL", PHASE_CONTRACT, "not null", NULL, FALSE, check_domain_unused, NULL},
    {"domain", "ADD CONSTRAINT", PHASE_CONTRACT, NULL, undo_domain_constraint, FALSE, check_domain_check, NULL},
    {"domain", "ADD CONSTRAINT NOT VALID", PHASE_CONTRACT, NULL, undo_domain_constraint, FALSE, check_domain_name,
     "the values that are there are not looked at; new ones must fulfil it"},
    {"domain", "VALIDATE CONSTRAINT", PHASE_CONTRACT, NULL, NULL, FALSE, check_domain_unused, NULL},
    {"domain", "DROP CONSTRAINT", PHASE_CONTRACT, NULL, NULL, FALSE, NULL, NULL},
    {"function", "SET OPTIONS", PHASE_EXPAND, "definition", NULL, FALSE, NULL, NULL},
    {"procedure", "SET OPTIONS", PHASE_EXPAND, "definition", NULL, FALSE, NULL, NULL},
    {"routine", "SET OPTIONS", PHASE_EXPAND, "definition", NULL, FALSE, NULL, NULL},
    {"policy", "SET OPTIONS", PHASE_EXPAND, NULL, undo_policy, FALSE, NULL,
     "the policy acts on the statements of the old application, too"},
    {"statistics object", "SET STATISTICS", PHASE_EXPAND, "statistics", NULL, FALSE, NULL, NULL},
    {"publication", "SET OPTIONS", PHASE_EXPAND, "publish", NULL, FALSE, NULL, NULL},
    {"publication", "ADD TABLE", PHASE_EXPAND, NULL, undo_publish_table, FALSE, check_published, NULL},
    {"publication", "DROP TABLE", PHASE_CONTRACT, NULL, NULL, FALSE, NULL, NULL},
    {"extension", "UPDATE", PHASE_CONTRACT, NULL, NULL, FALSE, NULL, NULL},
};

static const AlterRow *
find_row(const ObjectStmt *stmt)
{
    for (gsize i = 0; i < G_N_ELEMENTS(rows); i++) {
        if (strcmp(rows[i].class, stmt->class) == 0 && g_strcmp0(rows[i].action, stmt->action) == 0)
            return &rows[i];
    }
    return NULL;
}

/* ADD VALUE of one that is there. TRUE: go on. FALSE without an error: there is nothing to do. */
static gboolean
check_label(PlanContext *ctx, const FactObject *old, GError **error)
{
    const ObjectStmt *stmt = &ctx->stmt->object;

    if (strcmp(stmt->action, "ADD VALUE") != 0)
        return TRUE;
    if (old->kind != 'e') {
        context_refuse(error, NULL, "%s is not an enum", old->what);
        return FALSE;
    }
    if (!g_ptr_array_find_with_equal_func(old->labels, stmt->name, g_str_equal, NULL))
        return TRUE;
    if (stmt->if_not_exists)
        plan_note(ctx->plan, "%s: %s has the value \"%s\" already, nothing to do", ctx->stmt->place, old->what,
                  stmt->name);
    else
        context_refuse(error, "leave it out, or write IF NOT EXISTS", "%s has a value \"%s\" already", old->what,
                       stmt->name);
    return FALSE;
}

static void
lock_alter(PlanContext *ctx, Piece *piece, const FactObject *old)
{
    const ObjectStmt *stmt = &ctx->stmt->object;
    const char *keyword = object_class(stmt->class)->keyword;
    g_autofree char *special = g_strjoin(" ", "ALTER", keyword, stmt->action, NULL);
    g_autofree char *general = g_strjoin(" ", "ALTER", keyword, NULL);
    gboolean has_row = effect_find(special, ON_TABLE, ctx->facts->server_version) != NULL;

    piece_lock(ctx, piece, has_row ? special : general, &old->relation);
    for (guint i = 0; i < stmt->carriers->len; i++) {
        const FactObject *carrier = objects_fact(ctx, g_ptr_array_index(stmt->carriers, i), 0);

        if (carrier != NULL)
            piece_lock(ctx, piece, general, &carrier->relation);
    }
    piece_lock_uses(ctx, piece, stmt->uses);
}

static void
add_alter(PlanContext *ctx, const AlterRow *row, const FactObject *old)
{
    Piece *piece =
        objects_piece(ctx, g_strdup(ctx->stmt->text), MAX(row->phase, objects_phase(ctx, FALSE)), &old->relation);
    const GPtrArray *aspect = row->aspect != NULL ? g_hash_table_lookup(old->alter, row->aspect) : NULL;

    piece->old = old;
    piece->kind = PIECE_ALTER;
    g_ptr_array_add(piece->subjects, (gpointer)old);
    piece->is_exact = row->stays || row->undo != NULL || aspect != NULL;
    if (aspect != NULL)
        piece_undo_all(piece, aspect);
    if (row->undo != NULL)
        row->undo(ctx, piece, old);
    piece->why = g_strdup(row->phase == PHASE_CONTRACT || !piece->is_exact
                              ? "the old application may depend on what is there: waits behind the gate"
                              : "the old application goes on with it");
    lock_alter(ctx, piece, old);
    if (row->note != NULL)
        plan_note(ctx->plan, "%s: %s", ctx->stmt->place, row->note);
    objects_place(ctx, piece, NULL);
}

/* A change of what this file makes: rollback drops it whole. */
static gboolean
alter_made(PlanContext *ctx, Piece *made)
{
    Piece *piece = objects_piece(ctx, g_strdup(ctx->stmt->text), MAX(made->phase, objects_phase(ctx, FALSE)), NULL);

    piece->why = g_strdup_printf("of what %s makes", made->stmt->place);
    piece_lock_uses(ctx, piece, ctx->stmt->object.uses);
    objects_place(ctx, piece, objects_is_remade(ctx, made) ? made : NULL);
    return TRUE;
}

static gboolean
check_present(PlanContext *ctx, const ObjectName *name, const FactObject *old, GError **error)
{
    if (old == NULL) {
        objects_refuse_missing(ctx, name, error);
        return FALSE;
    }
    if (objects_dropped(ctx, old) != NULL || objects_renamed(ctx, old) != NULL) {
        context_refuse(error, "put it before that line", "%s is dropped, renamed or moved by an earlier line",
                       old->what);
        return FALSE;
    }
    if (!old->is_owned) {
        context_refuse(error, "connect as its owner", "role \"%s\" does not own %s: it belongs to \"%s\"",
                       ctx->facts->role, old->what, old->owner);
        return FALSE;
    }
    return TRUE;
}

gboolean
recipe_object_alter(PlanContext *ctx, GError **error)
{
    const ObjectStmt *stmt = &ctx->stmt->object;
    const ObjectName *name = g_ptr_array_index(stmt->objects, 0);
    const FactObject *old = objects_fact(ctx, name, 0);
    const AlterRow *row = find_row(stmt);
    g_autofree char *shown = object_shown(name);
    g_autoptr(GError) why = NULL;

    if (row == NULL) {
        g_autofree char *what = g_strdup_printf("%s ... %s", ctx->stmt->what, stmt->action != NULL ? stmt->action : "");

        context_not_yet(error, "-- pgseam: allow opaque because ... runs it as it stands, unseen", what);
        return FALSE;
    }
    if (objects_made(ctx, name) != NULL)
        return alter_made(ctx, objects_made(ctx, name));
    if (old == NULL && stmt->if_exists && !objects_is_of_file(ctx, name)) {
        plan_note(ctx->plan, "%s: there is no %s %s, nothing to do", ctx->stmt->place, stmt->class, shown);
        return TRUE;
    }
    if (!check_present(ctx, name, old, error) || (row->check != NULL && !row->check(ctx, old, error)))
        return FALSE;
    if (!check_label(ctx, old, &why)) {
        if (why == NULL)
            return TRUE;
        g_propagate_error(error, g_steal_pointer(&why));
        return FALSE;
    }
    add_alter(ctx, row, old);
    return TRUE;
}
