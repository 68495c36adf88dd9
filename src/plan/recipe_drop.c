/*
 * DROP of everything but indexes and columns, and TRUNCATE: contract, beyond rollback, after a look at what hangs on
 * it.
 */
#include <string.h>

#include "base/sqltext.h"
#include "plan/objects.h"

/* The word in DROP against what the object is. */
static gboolean
check_class(const ObjectName *name, const FactObject *old, GError **error)
{
    static const struct {
        const char *class;
        const char *kinds; /* pg_proc.prokind, pg_type.typtype, pg_class.relkind */
    } allowed[] = {
        {"table", "rp"},    {"view", "v"},       {"materialized view", "m"}, {"sequence", "S"},  {"foreign table", "f"},
        {"index", "iI"},    {"domain", "d"},     {"type", "bcdermp"},        {"function", "fw"}, {"procedure", "p"},
        {"aggregate", "a"}, {"routine", "fwpa"},
    };

    for (gsize i = 0; i < G_N_ELEMENTS(allowed); i++) {
        if (strcmp(allowed[i].class, name->class) != 0 || strchr(allowed[i].kinds, old->kind) != NULL)
            continue;
        context_refuse(error, NULL, "%s is not a %s", old->what, name->class);
        return FALSE;
    }
    return TRUE;
}

/* TRUE if an earlier statement of the file drops the column or constraint: ALTER TABLE has recipes of its own. */
static gboolean
is_dropped_by_alter(const PlanContext *ctx, const FactFollower *follower)
{
    for (guint i = 0; follower->part != NULL && i < ctx->script->stmts->len; i++) {
        const Stmt *stmt = g_ptr_array_index(ctx->script->stmts, i);
        const AlterTableStmt *alter = &stmt->alter_table;
        const FactTable *table;

        if (stmt == ctx->stmt)
            break;
        table = stmt->kind == STMT_ALTER_TABLE ? facts_find(ctx->facts, alter->relation.schema, alter->relation.name)
                                               : NULL;
        if (table == NULL || g_strcmp0(table->schema, follower->relation.schema) != 0 ||
            g_strcmp0(table->name, follower->relation.name) != 0)
            continue;
        for (guint k = 0; k < alter->cmds->len; k++) {
            const AlterCmd *cmd = g_ptr_array_index(alter->cmds, k);

            if (g_str_has_prefix(cmd->what, "DROP ") && g_strcmp0(cmd->column, follower->part) == 0)
                return TRUE;
        }
    }
    return FALSE;
}

static gboolean
is_obstacle(const PlanContext *ctx, const FactFollower *follower)
{
    return follower->is_normal && !objects_is_gone(ctx, follower->what) && !is_dropped_by_alter(ctx, follower);
}

/* What a plain DROP would stop at; an empty string if nothing. */
static char *
obstacles_of(const PlanContext *ctx, const FactObject *old)
{
    GString *out = g_string_new(NULL);

    for (guint i = 0; i < old->followers->len; i++) {
        const FactFollower *follower = g_ptr_array_index(old->followers, i);

        if (is_obstacle(ctx, follower))
            g_string_append_printf(out, "%s%s", out->len > 0 ? ", " : "", follower->what);
    }
    return g_string_free(out, FALSE);
}

static gboolean
check_drop(PlanContext *ctx, const ObjectName *name, const FactObject *old, GError **error)
{
    const ObjectStmt *stmt = &ctx->stmt->object;
    g_autofree char *obstacles = obstacles_of(ctx, old);

    if (objects_dropped(ctx, old) != NULL) {
        context_refuse(error, "leave it out", "%s is dropped by %s already", old->what,
                       objects_dropped(ctx, old)->stmt->place);
        return FALSE;
    }
    if (!check_class(name, old, error))
        return FALSE;
    if (!old->is_owned) {
        context_refuse(error, "connect as its owner", "role \"%s\" does not own %s: it belongs to \"%s\"",
                       ctx->facts->role, old->what, old->owner);
        return FALSE;
    }
    if (obstacles[0] != '\0' && !stmt->is_cascade) {
        context_refuse(
            error,
            "drop or change them before, in this file or another; or write CASCADE: the plan then lists what goes",
            "%s cannot be dropped: it is used by %s", old->what, obstacles);
        return FALSE;
    }
    return TRUE;
}

static void
lock_relation(PlanContext *ctx, Piece *piece, const char *statement, const FactRelation *relation)
{
    if (relation->name != NULL && strchr("rpvmfS", relation->kind) != NULL &&
        !g_str_has_prefix(relation->schema, "pg_"))
        piece_lock(ctx, piece, statement, relation);
}

/* Everything that goes takes its table along under ACCESS EXCLUSIVE, and a foreign key the other table, too. */
static void
lock_drop(PlanContext *ctx, Piece *piece, const FactObject *old)
{
    const ObjectStmt *stmt = &ctx->stmt->object;
    g_autofree char *statement = g_strjoin(" ", "DROP", object_class(stmt->class)->keyword, NULL);

    piece_lock_family(ctx, piece, statement, old);
    for (guint i = 0; i < old->parents->len && strcmp(stmt->class, "table") == 0; i++)
        lock_relation(ctx, piece, "DROP TABLE", g_ptr_array_index(old->parents, i));
    for (guint i = 0; i < old->followers->len; i++) {
        const FactFollower *follower = g_ptr_array_index(old->followers, i);

        if ((follower->is_normal && !stmt->is_cascade) ||
            (follower->relation.name != NULL &&
             objects_is_table_gone(ctx, follower->relation.schema, follower->relation.name)))
            continue;
        /* Statistics and publications follow under SHARE UPDATE EXCLUSIVE at most: the table is locked, or it is not.
         */
        lock_relation(ctx, piece, strcmp(follower->type, "statistics object") == 0 ? "DROP STATISTICS" : "DROP TABLE",
                      &follower->relation);
        lock_relation(ctx, piece, "DROP TABLE", &follower->other);
    }
}

static void
note_drop(PlanContext *ctx, const FactObject *old)
{
    g_autoptr(GString) going = g_string_new(NULL);

    for (guint i = 0; i < old->followers->len; i++) {
        const FactFollower *follower = g_ptr_array_index(old->followers, i);

        if (is_obstacle(ctx, follower))
            g_string_append_printf(going, "%s%s", going->len > 0 ? ", " : "", follower->what);
        if (!follower->is_normal || ctx->stmt->object.is_cascade)
            objects_note_gone(ctx, follower->what);
    }
    if (going->len > 0)
        plan_note(ctx->plan, "%s: CASCADE: with %s go %s", ctx->stmt->place, old->what, going->str);
    if (old->rows >= 1 && strchr("rpm", old->kind) != NULL && old->kind != '\0' && old->schema != NULL)
        plan_note(ctx->plan, "%s: about %.0f rows go with %s", ctx->stmt->place, old->rows, old->what);
    objects_note_gone(ctx, old->what);
}

static void
drop_one(PlanContext *ctx, const ObjectName *name, const FactObject *old)
{
    const ObjectStmt *stmt = &ctx->stmt->object;
    char *sql = name->text == NULL ? g_strdup(ctx->stmt->text)
                                   : g_strdup_printf("%.*s%s%s", stmt->head_length, ctx->stmt->text, name->text,
                                                     ctx->stmt->text + stmt->tail_offset);
    Piece *piece = objects_piece(ctx, sql, PHASE_CONTRACT, &old->relation);

    piece->is_drop = TRUE;
    piece->is_cascade = stmt->is_cascade;
    piece->old = old;
    piece->why = g_strdup("the old application still uses it: waits behind the gate; cannot be undone");
    lock_drop(ctx, piece, old);
    piece->is_exact = piece_undo_create(piece, old);
    note_drop(ctx, old);
    objects_place(ctx, piece, NULL);
}

/* Those without an obstacle first: DROP VIEW a, b may name them in any order. */
static const ObjectName *
next_droppable(PlanContext *ctx, GPtrArray *left)
{
    for (guint i = 0; i < left->len; i++) {
        const ObjectName *name = g_ptr_array_index(left, i);
        const FactObject *old = objects_fact(ctx, name, 0);
        g_autofree char *obstacles = old != NULL ? obstacles_of(ctx, old) : g_strdup("");

        if (obstacles[0] == '\0') {
            g_ptr_array_remove_index(left, i);
            return name;
        }
    }
    return left->len > 0 ? g_ptr_array_steal_index(left, 0) : NULL;
}

static gboolean
drop_name(PlanContext *ctx, const ObjectName *name, GError **error)
{
    const ObjectStmt *stmt = &ctx->stmt->object;
    const FactObject *old = objects_fact(ctx, name, 0);
    g_autofree char *shown = object_shown(name);

    if (objects_made(ctx, name) != NULL && (old == NULL || objects_dropped(ctx, old) != NULL)) {
        context_refuse(error, "leave both out, or only the one that shall hold in the end",
                       "%s %s is made by %s; its DROP would wait for the contract phase", stmt->class, shown,
                       objects_made(ctx, name)->stmt->place);
        return FALSE;
    }
    if (old == NULL && stmt->if_exists && !objects_is_of_file(ctx, name)) {
        plan_note(ctx->plan, "%s: there is no %s %s, nothing to do", ctx->stmt->place, stmt->class, shown);
        return TRUE;
    }
    if (old == NULL) {
        objects_refuse_missing(ctx, name, error);
        return FALSE;
    }
    if (!check_drop(ctx, name, old, error))
        return FALSE;
    drop_one(ctx, name, old);
    return TRUE;
}

gboolean
recipe_object_drop(PlanContext *ctx, GError **error)
{
    const ObjectStmt *stmt = &ctx->stmt->object;
    g_autoptr(GPtrArray) left = g_ptr_array_new();
    const ObjectName *name;

    if (object_class(stmt->class) == NULL)
        return recipe_none(ctx, error);
    for (guint i = 0; i < stmt->objects->len; i++)
        g_ptr_array_add(left, g_ptr_array_index(stmt->objects, i));
    while ((name = next_droppable(ctx, left)) != NULL) {
        if (!drop_name(ctx, name, error))
            return FALSE;
    }
    return TRUE;
}

/* Rows that both applications may need: nobody empties a table by mistake. */
gboolean
recipe_object_truncate(PlanContext *ctx, GError **error)
{
    const ObjectStmt *stmt = &ctx->stmt->object;
    Piece *piece;

    if (ctx->stmt->consent == NULL) {
        context_refuse(
            error, "if that is meant: -- pgseam: allow opaque because ... above it; it then runs in the contract phase",
            "TRUNCATE takes away all rows, those that the application has just written among them");
        return FALSE;
    }
    for (guint i = 0; i < stmt->objects->len; i++) {
        const ObjectName *name = g_ptr_array_index(stmt->objects, i);
        g_autofree char *shown = object_shown(name);

        if (objects_fact(ctx, name, 0) == NULL) {
            context_refuse(error, NULL, "table %s does not exist (search_path: %s)", shown, ctx->facts->search_path);
            return FALSE;
        }
    }
    ctx->is_consented = TRUE;
    piece = objects_piece(ctx, g_strdup(ctx->stmt->text), PHASE_CONTRACT,
                          &objects_fact(ctx, g_ptr_array_index(stmt->objects, 0), 0)->relation);
    piece->is_exact = FALSE;
    piece->why = g_strdup_printf("by consent: %s; cannot be undone", ctx->stmt->consent);
    for (guint i = 0; i < stmt->objects->len; i++) {
        const FactObject *table = objects_fact(ctx, g_ptr_array_index(stmt->objects, i), 0);

        piece_lock_family(ctx, piece, "TRUNCATE", table);
        for (guint k = 0; stmt->is_cascade && k < table->followers->len; k++) {
            const FactFollower *follower = g_ptr_array_index(table->followers, k);

            if (strcmp(follower->type, "table constraint") == 0 && follower->is_normal)
                lock_relation(ctx, piece, "TRUNCATE", &follower->relation);
        }
        plan_note(ctx->plan, "%s: about %.0f rows go from %s", ctx->stmt->place, table->rows, table->what);
    }
    if (stmt->is_cascade)
        plan_note(ctx->plan, "%s: CASCADE empties each table with a foreign key to these, and to those",
                  ctx->stmt->place);
    objects_place(ctx, piece, NULL);
    return TRUE;
}
