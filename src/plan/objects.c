#include "plan/objects.h"
#include "plan/recipe_rewrite.h"

#include <string.h>

#include "base/sqltext.h"

typedef struct Group {
    GPtrArray *pieces; /* Piece, in file order */
    Step *step;        /* in the plan; NULL while it is made anew */
} Group;

typedef struct Made {
    char *key;
    char *args;
    Piece *piece;
} Made;

struct Objects {
    GPtrArray *groups;  /* Group */
    GPtrArray *pieces;  /* Piece, all of them */
    GPtrArray *renamed; /* Piece */
    GPtrArray *made;    /* Made */
    GHashTable *gone;   /* set of descriptions */
    GHashTable *late;   /* word -> line */
};

static const ObjectClass classes[] = {
    {"table", "TABLE", TRUE, TRUE, TRUE},
    {"view", "VIEW", FALSE, FALSE, TRUE},
    {"materialized view", "MATERIALIZED VIEW", TRUE, TRUE, TRUE},
    {"foreign table", "FOREIGN TABLE", FALSE, FALSE, TRUE},
    {"sequence", "SEQUENCE", FALSE, FALSE, TRUE},
    {"index", "INDEX", FALSE, FALSE, FALSE},
    {"table column", "COLUMN", FALSE, FALSE, TRUE},
    {"table constraint", "CONSTRAINT", FALSE, FALSE, TRUE},
    {"domain constraint", "CONSTRAINT", FALSE, FALSE, TRUE},
    {"type", "TYPE", FALSE, FALSE, TRUE},
    {"domain", "DOMAIN", FALSE, FALSE, TRUE},
    {"function", "FUNCTION", FALSE, FALSE, TRUE},
    {"procedure", "PROCEDURE", FALSE, FALSE, TRUE},
    {"routine", "ROUTINE", FALSE, FALSE, TRUE},
    {"aggregate", "AGGREGATE", FALSE, FALSE, TRUE},
    {"operator", "OPERATOR", FALSE, FALSE, TRUE},
    {"cast", "CAST", FALSE, FALSE, TRUE},
    {"collation", "COLLATION", FALSE, FALSE, TRUE},
    {"trigger", "TRIGGER", TRUE, FALSE, FALSE},
    {"policy", "POLICY", TRUE, FALSE, FALSE},
    {"rule", "RULE", TRUE, FALSE, FALSE},
    {"schema", "SCHEMA", FALSE, FALSE, TRUE},
    {"extension", "EXTENSION", FALSE, FALSE, TRUE},
    {"statistics object", "STATISTICS", FALSE, FALSE, FALSE},
    {"publication", "PUBLICATION", FALSE, FALSE, TRUE},
    {"server", "SERVER", FALSE, FALSE, TRUE},
    {"foreign-data wrapper", "FOREIGN DATA WRAPPER", FALSE, FALSE, TRUE},
    {"text search configuration", "TEXT SEARCH CONFIGURATION", FALSE, FALSE, TRUE},
    {"text search dictionary", "TEXT SEARCH DICTIONARY", FALSE, FALSE, TRUE},
    {"text search parser", "TEXT SEARCH PARSER", FALSE, FALSE, TRUE},
    {"text search template", "TEXT SEARCH TEMPLATE", FALSE, FALSE, TRUE},
};

const ObjectClass *
object_class(const char *class)
{
    for (gsize i = 0; class != NULL && i < G_N_ELEMENTS(classes); i++) {
        if (strcmp(classes[i].class, class) == 0)
            return &classes[i];
    }
    return NULL;
}

static void
group_free(gpointer data)
{
    Group *group = data;

    g_ptr_array_unref(group->pieces);
    g_free(group);
}

static void
made_free(gpointer data)
{
    Made *made = data;

    g_free(made->key);
    g_free(made->args);
    g_free(made);
}

void
objects_init(PlanContext *ctx)
{
    ctx->objects = g_new0(struct Objects, 1);
    ctx->objects->groups = g_ptr_array_new_with_free_func(group_free);
    ctx->objects->pieces = g_ptr_array_new_with_free_func(piece_free);
    ctx->objects->renamed = g_ptr_array_new();
    ctx->objects->made = g_ptr_array_new_with_free_func(made_free);
    ctx->objects->gone = g_hash_table_new_full(g_str_hash, g_str_equal, g_free, NULL);
    ctx->objects->late = g_hash_table_new_full(g_str_hash, g_str_equal, g_free, NULL);
}

void
objects_clear(PlanContext *ctx)
{
    g_ptr_array_unref(ctx->objects->groups);
    g_ptr_array_unref(ctx->objects->pieces);
    g_ptr_array_unref(ctx->objects->renamed);
    g_ptr_array_unref(ctx->objects->made);
    g_hash_table_unref(ctx->objects->gone);
    g_hash_table_unref(ctx->objects->late);
    g_free(ctx->objects);
}

Piece *
objects_piece(PlanContext *ctx, char *sql, Phase phase, const FactRelation *home)
{
    Piece *piece = g_new0(Piece, 1);

    piece->place = ctx->objects->pieces->len;
    piece->stmt = ctx->stmt;
    piece->sql = sql;
    piece->phase = phase;
    piece->is_exact = TRUE;
    piece->home = home != NULL && home->name != NULL ? home : NULL;
    piece->locks = step_new(phase, STEP_DDL_RUN, NULL, NULL);
    piece->undo = g_ptr_array_new_with_free_func(g_free);
    piece->subjects = g_ptr_array_new();
    g_ptr_array_add(ctx->objects->pieces, piece);
    return piece;
}

static gboolean
is_in_group(const Group *group, const FactFollower *follower)
{
    for (guint i = 0; i < group->pieces->len; i++) {
        const Piece *piece = g_ptr_array_index(group->pieces, i);

        if (piece->is_drop && strcmp(piece->old->what, follower->what) == 0)
            return TRUE;
        for (guint k = 0; piece->is_drop && k < piece->old->followers->len; k++) {
            const FactFollower *part = g_ptr_array_index(piece->old->followers, k);

            if (!part->is_normal && strcmp(part->what, follower->what) == 0)
                return TRUE;
        }
    }
    return FALSE;
}

/* What stands in the way of a DROP and goes by an earlier statement that is not of the group goes in contract. */
static gboolean
waits_for_contract(const Group *group)
{
    for (guint i = 0; i < group->pieces->len; i++) {
        const Piece *piece = g_ptr_array_index(group->pieces, i);

        for (guint k = 0; piece->is_drop && k < piece->old->followers->len; k++) {
            const FactFollower *follower = g_ptr_array_index(piece->old->followers, k);

            if (follower->is_normal && !is_in_group(group, follower))
                return TRUE;
        }
    }
    return FALSE;
}

typedef struct GroupShape {
    Phase phase;
    gboolean is_final;
    gboolean has_drop;
    gboolean has_other;
} GroupShape;

static GroupShape
shape_of(const Group *group)
{
    GroupShape shape = {PHASE_EXPAND, FALSE, FALSE, FALSE};

    for (guint i = 0; i < group->pieces->len; i++) {
        const Piece *piece = g_ptr_array_index(group->pieces, i);

        shape.is_final |= !piece->is_exact;
        shape.has_drop |= piece->is_drop;
        shape.has_other |= !piece->is_drop;
        if (!piece->is_drop)
            shape.phase = MAX(shape.phase, piece->phase);
    }
    if (!shape.has_other || shape.is_final || (shape.has_drop && waits_for_contract(group))) {
        shape.is_final = TRUE;
        shape.phase = PHASE_CONTRACT;
    }
    return shape;
}

static void
fill_step(Step *step, const Group *group)
{
    for (guint i = 0; i < group->pieces->len; i++) {
        const Piece *piece = g_ptr_array_index(group->pieces, i);

        if (i == 0)
            step->sql = g_strdup(piece->sql);
        else
            step_append(step, PARAM_MORE, g_strdup(piece->sql));
        if (piece->verify != NULL)
            step_set(step, PARAM_VERIFY, piece->verify);
        if (piece->is_long)
            step_set(step, PARAM_LONG, "true");
        if (piece->renames != NULL)
            step_append(step, PARAM_RENAMES, g_strdup(piece->renames));
        for (guint k = 0; k < piece->locks->locks->len; k++) {
            const StepLock *lock = g_ptr_array_index(piece->locks->locks, k);

            step_merge_lock(step, lock);
        }
    }
}

static void
fill_undo(Step *step, const Group *group)
{
    for (guint i = group->pieces->len; i > 0; i--) {
        const Piece *piece = g_ptr_array_index(group->pieces, i - 1);

        for (guint k = 0; k < piece->undo->len; k++)
            step_append(step, PARAM_UNDO, g_strdup(g_ptr_array_index(piece->undo, k)));
    }
}

/* Make the group's step and put it at the end of its phase. */
static void
make_step(PlanContext *ctx, Group *group)
{
    GroupShape shape = shape_of(group);
    const Piece *first = g_ptr_array_index(group->pieces, 0);
    const Piece *last = g_ptr_array_index(group->pieces, group->pieces->len - 1);
    const FactRelation *home = first->home != NULL ? first->home : last->home;
    StepKind kind = shape.is_final ? STEP_DDL_FINAL : STEP_DDL_RUN;
    Step *step = step_new(shape.phase, kind, home != NULL ? home->schema : NULL, home != NULL ? home->name : NULL);

    step_set_place(step, first->stmt->file, first->stmt->line);
    g_hash_table_insert(ctx->stmts, step, (gpointer)first->stmt);
    fill_step(step, group);
    if (!shape.is_final)
        fill_undo(step, group);
    if (shape.has_drop && shape.has_other)
        step->why = g_strdup(
            shape.is_final ? "one transaction, or something would be missing in between; what was there cannot be "
                             "brought back exactly"
                           : "one transaction, or something would be missing in between; rollback brings back what "
                             "was there");
    else
        step->why = g_strdup(last->why);
    g_ptr_array_add(ctx->phases[shape.phase], step);
    group->step = step;
}

static void
unmake_step(PlanContext *ctx, Group *group)
{
    for (int phase = 0; phase < N_PHASES; phase++)
        g_ptr_array_remove(ctx->phases[phase], group->step);
    group->step = NULL;
}

static Group *
group_of(const PlanContext *ctx, const Piece *piece)
{
    for (guint i = 0; i < ctx->objects->groups->len; i++) {
        Group *group = g_ptr_array_index(ctx->objects->groups, i);

        if (g_ptr_array_find(group->pieces, piece, NULL))
            return group;
    }
    return NULL;
}

static gboolean
is_remade_group(const Group *group)
{
    gboolean has_drop = FALSE;
    gboolean has_other = FALSE;

    for (guint i = 0; i < group->pieces->len; i++) {
        const Piece *piece = g_ptr_array_index(group->pieces, i);

        has_drop |= piece->is_drop || piece->renames != NULL;
        has_other |= !piece->is_drop;
    }
    return has_drop && has_other;
}

gboolean
objects_is_remade(const PlanContext *ctx, const Piece *piece)
{
    const Group *group = group_of(ctx, piece);

    return group != NULL && is_remade_group(group);
}

static gboolean
reaches_into(const Group *group, guint first, guint last)
{
    for (guint i = 0; i < group->pieces->len; i++) {
        const Piece *piece = g_ptr_array_index(group->pieces, i);

        if (piece->place >= first && piece->place <= last)
            return TRUE;
    }
    return FALSE;
}

static int
compare_places(gconstpointer a, gconstpointer b)
{
    const Piece *one = *(const Piece *const *)a;
    const Piece *other = *(const Piece *const *)b;

    return one->place < other->place ? -1 : one->place > other->place;
}

/* Take the pieces of `from` into `to`; `from` is gone then. */
static void
swallow(PlanContext *ctx, Group *to, Group *from)
{
    for (guint i = 0; i < from->pieces->len; i++)
        g_ptr_array_add(to->pieces, g_ptr_array_index(from->pieces, i));
    unmake_step(ctx, from);
    g_ptr_array_remove(ctx->objects->groups, from);
}

static gboolean
has_subject(const Piece *piece, const FactObject *subject)
{
    for (guint i = 0; i < piece->subjects->len; i++) {
        const FactObject *other = g_ptr_array_index(piece->subjects, i);

        if (other->class_oid == subject->class_oid && other->oid == subject->oid && other->column == subject->column)
            return TRUE;
    }
    return FALSE;
}

/* TRUE if a piece of the group is of the same kind about the same object, and waits for contract. */
static gboolean
holds_back(const Group *group, const Piece *piece)
{
    for (guint i = 0; group->step->phase == PHASE_CONTRACT && i < group->pieces->len; i++) {
        const Piece *other = g_ptr_array_index(group->pieces, i);

        for (guint k = 0; other->kind == piece->kind && k < piece->subjects->len; k++) {
            if (has_subject(other, g_ptr_array_index(piece->subjects, k)))
                return TRUE;
        }
    }
    return FALSE;
}

static void
join_held_back(PlanContext *ctx, Group *group, const Piece *piece)
{
    for (guint i = 0; piece->kind != PIECE_OTHER && i < ctx->objects->groups->len;) {
        Group *other = g_ptr_array_index(ctx->objects->groups, i);

        if (holds_back(other, piece))
            swallow(ctx, group, other);
        else
            i++;
    }
    if (group->pieces->len > 1 && piece->kind != PIECE_OTHER)
        plan_note(ctx->plan,
                  "%s: waits for the contract phase together with what an earlier line does to the same object",
                  piece->stmt->place);
}

void
objects_place(PlanContext *ctx, Piece *piece, Piece *partner)
{
    Group *group = g_new0(Group, 1);

    group->pieces = g_ptr_array_new();
    g_ptr_array_add(group->pieces, piece);
    if (partner != NULL) {
        swallow(ctx, group, group_of(ctx, partner));
        for (guint i = 0; i < ctx->objects->groups->len;) {
            Group *other = g_ptr_array_index(ctx->objects->groups, i);

            if (is_remade_group(other) && reaches_into(other, partner->place, piece->place))
                swallow(ctx, group, other);
            else
                i++;
        }
    } else
        join_held_back(ctx, group, piece);
    g_ptr_array_sort(group->pieces, compare_places);
    g_ptr_array_add(ctx->objects->groups, group);
    make_step(ctx, group);
}

/* A piece that was begun for a statement that is refused in the end stands in no group: it does not count. */
static Piece *
find_piece(const PlanContext *ctx, const GPtrArray *pieces, const FactObject *object, gboolean must_drop)
{
    for (guint i = 0; i < pieces->len; i++) {
        Piece *piece = g_ptr_array_index(pieces, i);

        if (piece->old != NULL && piece->old->class_oid == object->class_oid && piece->old->oid == object->oid &&
            piece->old->column == object->column && (!must_drop || piece->is_drop) && group_of(ctx, piece) != NULL)
            return piece;
    }
    return NULL;
}

/* TRUE if the DROP takes the object along. */
static gboolean
takes_along(const Piece *piece, const FactObject *object)
{
    for (guint i = 0; i < piece->old->followers->len; i++) {
        const FactFollower *follower = g_ptr_array_index(piece->old->followers, i);

        if ((piece->is_cascade || !follower->is_normal) && strcmp(follower->what, object->what) == 0)
            return TRUE;
    }
    return FALSE;
}

Piece *
objects_dropped(const PlanContext *ctx, const FactObject *object)
{
    Piece *found = find_piece(ctx, ctx->objects->pieces, object, TRUE);

    for (guint i = 0; found == NULL && i < ctx->objects->pieces->len; i++) {
        Piece *piece = g_ptr_array_index(ctx->objects->pieces, i);

        if (piece->is_drop && takes_along(piece, object) && group_of(ctx, piece) != NULL)
            found = piece;
    }
    return found;
}

Piece *
objects_renamed(const PlanContext *ctx, const FactObject *object)
{
    return find_piece(ctx, ctx->objects->renamed, object, FALSE);
}

void
objects_note_renamed(PlanContext *ctx, Piece *piece)
{
    g_ptr_array_add(ctx->objects->renamed, piece);
}

Piece *
objects_made(const PlanContext *ctx, const ObjectName *name)
{
    g_autofree char *args = NULL;
    g_autofree char *key = object_key(ctx, name, &args);

    for (guint i = 0; i < ctx->objects->made->len; i++) {
        const Made *made = g_ptr_array_index(ctx->objects->made, i);

        if (strcmp(made->key, key) == 0 && (name->any_args || strcmp(made->args, args) == 0))
            return made->piece;
    }
    return NULL;
}

void
objects_note_made(PlanContext *ctx, const ObjectName *name, Piece *piece)
{
    Made *made = g_new0(Made, 1);

    made->key = object_key(ctx, name, &made->args);
    made->piece = piece;
    g_ptr_array_add(ctx->objects->made, made);
}

void
objects_note_gone(PlanContext *ctx, const char *what)
{
    g_hash_table_add(ctx->objects->gone, g_strdup(what));
}

gboolean
objects_is_gone(const PlanContext *ctx, const char *what)
{
    return g_hash_table_contains(ctx->objects->gone, what);
}

gboolean
objects_is_table_gone(const PlanContext *ctx, const char *schema, const char *name)
{
    g_autofree char *qualified = sql_quote_name(schema, name);
    g_autofree char *what = g_strconcat("table ", qualified, NULL);

    return objects_is_gone(ctx, what);
}

void
objects_note_late(PlanContext *ctx, const char *word)
{
    g_hash_table_insert(ctx->objects->late, g_strdup(word), (gpointer)ctx->stmt->place);
}

const char *
objects_late_place(const PlanContext *ctx, const char *word)
{
    return g_hash_table_lookup(ctx->objects->late, word);
}

Phase
objects_phase(const PlanContext *ctx, gboolean follows_rows)
{
    GHashTableIter iter;
    gpointer word;

    g_hash_table_iter_init(&iter, ctx->objects->late);
    while (g_hash_table_iter_next(&iter, &word, NULL)) {
        if (sql_mentions(ctx->stmt->text, word))
            return PHASE_CONTRACT;
    }
    if (rewrite_mentions(ctx, ctx->stmt->text))
        return PHASE_BACKFILL;
    return follows_rows && ctx->phases[PHASE_BACKFILL]->len > 0 ? PHASE_BACKFILL : PHASE_EXPAND;
}

const Step *
objects_step_with(const PlanContext *ctx, const char *word)
{
    for (int phase = N_PHASES - 1; phase >= 0; phase--) {
        for (guint i = ctx->phases[phase]->len; i > 0; i--) {
            const Step *step = g_ptr_array_index(ctx->phases[phase], i - 1);

            if (sql_mentions(step->sql, word))
                return step;
        }
    }
    return NULL;
}
