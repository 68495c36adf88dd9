/*
 * COMMENT, GRANT and REVOKE: what is there now is put back exactly.
 */
#include <string.h>

#include "base/sqltext.h"
#include "plan/objects.h"

/* Where something stands that the catalog does not know yet: the piece that makes it, or the step. */
typedef struct Origin {
    Piece *piece;
    const Step *step;
} Origin;

static gboolean
find_origin(PlanContext *ctx, const ObjectName *name, Origin *ret, GError **error)
{
    g_autofree char *shown = object_shown(name);
    g_autofree char *word = object_word(name);

    ret->piece = objects_made(ctx, name);
    /* A constraint of a domain is named behind it. */
    ret->step = objects_step_with(ctx, word);
    if (ret->piece != NULL || ret->step != NULL)
        return TRUE;
    context_refuse(error, "check the name, and the search_path of the role you connect as",
                   "%s %s does not exist (search_path: %s)", name->class, shown, ctx->facts->search_path);
    return FALSE;
}

/* The piece takes its place behind what makes its object. FALSE where that cannot be kept. */
static gboolean
follow(PlanContext *ctx, Piece *piece, const Origin *origin, Piece **ret_partner, GError **error)
{
    if (origin->piece != NULL) {
        piece->phase = MAX(piece->phase, origin->piece->phase);
        if (objects_is_remade(ctx, origin->piece))
            *ret_partner = origin->piece;
        return TRUE;
    }
    if (step_trait(origin->step->kind)->is_final) {
        context_refuse(error, "put it into a migration of its own, to run after this one is complete",
                       "what this is about is not there before the end of the contract phase (%s)",
                       origin->step->place);
        return FALSE;
    }
    piece->phase = MAX(piece->phase, origin->step->phase);
    return TRUE;
}

static gboolean
check_not_dropped(const PlanContext *ctx, const FactObject *old, const Piece *made, GError **error)
{
    const Piece *dropped = objects_dropped(ctx, old);

    if (dropped == NULL || made != NULL)
        return TRUE;
    context_refuse(error, "leave it out, or put it before", "%s is dropped by %s", old->what, dropped->stmt->place);
    return FALSE;
}

gboolean
recipe_object_comment(PlanContext *ctx, GError **error)
{
    const ObjectStmt *stmt = &ctx->stmt->object;
    const ObjectName *name = g_ptr_array_index(stmt->objects, 0);
    const FactObject *old = objects_fact(ctx, name, 0);
    const FactObject *carrier =
        stmt->carriers->len > 0 ? objects_fact(ctx, g_ptr_array_index(stmt->carriers, 0), 0) : NULL;
    g_autofree char *statement = NULL;
    Piece *made = objects_made(ctx, name);
    Origin origin = {NULL, NULL};
    Piece *partner = NULL;
    Piece *piece;

    if (object_class(stmt->class) == NULL)
        return recipe_none(ctx, error);
    if (old != NULL && !check_not_dropped(ctx, old, made, error))
        return FALSE;
    if ((old == NULL || made != NULL) && !find_origin(ctx, name, &origin, error))
        return FALSE;
    piece =
        objects_piece(ctx, g_strdup(ctx->stmt->text), objects_phase(ctx, FALSE), old != NULL ? &old->relation : NULL);
    piece->why = g_strdup("words for people: no application reads them");
    statement = g_strdup_printf("COMMENT ON %s", object_class(stmt->class)->keyword);
    if (carrier != NULL)
        piece_lock(ctx, piece, statement, &carrier->relation);
    if (old == NULL || made != NULL) {
        if (!follow(ctx, piece, &origin, &partner, error))
            return FALSE;
        if (origin.step != NULL && origin.step->table != NULL && carrier == NULL)
            piece_lock(ctx, piece, statement, &(FactRelation){origin.step->schema, origin.step->table, 'i', FALSE});
    } else {
        piece->old = old;
        piece_lock(ctx, piece, statement, &old->relation);
        piece_undo(piece, sql_build("? IS ?", sql_raw(stmt->name), sql_literal(old->comment)));
    }
    objects_place(ctx, piece, partner);
    return TRUE;
}

/* Everything back: what the statement may have given is taken, then comes what there was, in its order. */
static void
undo_privileges(Piece *piece, const ObjectStmt *stmt, const FactObject *old)
{
    if (!old->is_acl_exact) {
        piece->is_exact = FALSE;
        return;
    }
    for (guint i = 0; i < stmt->grantees->len; i++)
        piece_undo(piece, sql_build("REVOKE ALL ON ? FROM ?", sql_raw(old->acl_target),
                                    sql_raw(g_ptr_array_index(stmt->grantees, i))));
    piece_undo_all(piece, old->acl);
}

static void
add_granted(PlanContext *ctx, Piece *piece, const FactObject *old)
{
    const ObjectStmt *stmt = &ctx->stmt->object;
    g_autofree char *statement =
        g_strdup_printf("GRANT ON %s", strcmp(old->type, "sequence") == 0 ? "SEQUENCE" : "TABLE");

    if (old->acl_target == NULL)
        return;
    g_ptr_array_add(piece->subjects, (gpointer)old);
    if (old->relation.name != NULL)
        piece_lock(ctx, piece, statement, &old->relation);
    undo_privileges(piece, stmt, old);
}

static gboolean
grant_on(PlanContext *ctx, Piece *piece, const ObjectName *name, Piece **ret_partner, GError **error)
{
    const ObjectStmt *stmt = &ctx->stmt->object;
    g_autofree char *members_key = fact_object_key(name->class, name->names, name->args, 0, stmt->class);
    const FactObject *old = stmt->in_schema ? facts_object(ctx->facts, members_key) : objects_fact(ctx, name, 0);
    Piece *made = objects_made(ctx, name);
    Origin origin = {NULL, NULL};

    if (old != NULL && !check_not_dropped(ctx, old, made, error))
        return FALSE;
    if (old == NULL || made != NULL)
        return find_origin(ctx, name, &origin, error) && follow(ctx, piece, &origin, ret_partner, error);
    if (!stmt->in_schema)
        add_granted(ctx, piece, old);
    for (guint i = 0; i < old->members->len; i++)
        add_granted(ctx, piece, g_ptr_array_index(old->members, i));
    return TRUE;
}

static gboolean
is_all_new(const PlanContext *ctx)
{
    const ObjectStmt *stmt = &ctx->stmt->object;

    for (guint i = 0; i < stmt->objects->len; i++) {
        const ObjectName *name = g_ptr_array_index(stmt->objects, i);

        if (stmt->in_schema || (objects_made(ctx, name) == NULL && objects_fact(ctx, name, 0) != NULL))
            return FALSE;
    }
    return TRUE;
}

gboolean
recipe_object_grant(PlanContext *ctx, GError **error)
{
    const ObjectStmt *stmt = &ctx->stmt->object;
    gboolean is_grant = stmt->verb == OBJECT_GRANT;
    const FactObject *first =
        stmt->objects->len == 1 ? objects_fact(ctx, g_ptr_array_index(stmt->objects, 0), 0) : NULL;
    /* Of what this file makes, the old application has nothing to lose. */
    Piece *piece = objects_piece(ctx, g_strdup(ctx->stmt->text),
                                 is_grant || is_all_new(ctx) ? objects_phase(ctx, FALSE) : PHASE_CONTRACT,
                                 first != NULL && !stmt->in_schema ? &first->relation : NULL);
    Piece *partner = NULL;

    piece->kind = PIECE_PRIVILEGE;
    for (guint i = 0; i < stmt->objects->len; i++) {
        if (!grant_on(ctx, piece, g_ptr_array_index(stmt->objects, i), &partner, error))
            return FALSE;
    }
    piece->why = g_strdup(piece->phase != PHASE_CONTRACT
                              ? "privileges more, or on something new: the old application keeps its own"
                              : "the old application may need them: waits behind the gate");
    if (!piece->is_exact && is_grant && partner == NULL) {
        /* Nobody loses anything by a grant that stays. */
        g_ptr_array_set_size(piece->undo, 0);
        piece->is_exact = TRUE;
        plan_note(ctx->plan,
                  "%s: rollback does not take this back: some privileges there were granted by others than the owner",
                  ctx->stmt->place);
    }
    if (stmt->in_schema)
        plan_note(ctx->plan,
                  "%s: this is about what is in the schema when it runs, as in psql; rollback restores what "
                  "is there now",
                  ctx->stmt->place);
    objects_place(ctx, piece, partner);
    return TRUE;
}
