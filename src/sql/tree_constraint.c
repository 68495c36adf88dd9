/*
 * Constraints: of a table, and inline in a column. Both become ConstraintDef, told as one of the table.
 */
#include <string.h>

#include "base/sqltext.h"
#include "sql/tree.h"

static const struct {
    PgQuery__ConstrType type;
    ConstraintKind kind;
    const char *keyword; /* its first word, behind CONSTRAINT name */
} kinds[] = {
    {PG_QUERY__CONSTR_TYPE__CONSTR_CHECK, CONSTRAINT_CHECK, "CHECK"},
    {PG_QUERY__CONSTR_TYPE__CONSTR_UNIQUE, CONSTRAINT_UNIQUE, "UNIQUE"},
    {PG_QUERY__CONSTR_TYPE__CONSTR_PRIMARY, CONSTRAINT_PRIMARY, "PRIMARY"},
    {PG_QUERY__CONSTR_TYPE__CONSTR_FOREIGN, CONSTRAINT_FOREIGN, "FOREIGN"},
    {PG_QUERY__CONSTR_TYPE__CONSTR_EXCLUSION, CONSTRAINT_EXCLUDE, "EXCLUDE"},
    {PG_QUERY__CONSTR_TYPE__CONSTR_IDENTITY, CONSTRAINT_IDENTITY, "GENERATED"},
    {PG_QUERY__CONSTR_TYPE__CONSTR_GENERATED, CONSTRAINT_GENERATED, "GENERATED"},
    {PG_QUERY__CONSTR_TYPE__CONSTR_NOTNULL, CONSTRAINT_NOT_NULL, "NOT"},
};

static const char *const attribute_words[] = {"DEFERRABLE", "INITIALLY", "NOT", "ENFORCED"};

static void
add_names(GPtrArray *names, size_t n, PgQuery__Node *const *nodes)
{
    for (size_t i = 0; i < n; i++) {
        if (nodes[i]->node_case == PG_QUERY__NODE__NODE_STRING)
            g_ptr_array_add(names, g_strdup(nodes[i]->string->sval));
    }
}

static void
add_piece(char **to, const char *before, char *piece)
{
    char *joined = *to == NULL ? g_strconcat(before, piece, NULL) : g_strconcat(*to, " ", before, piece, NULL);

    g_free(piece);
    g_free(*to);
    *to = joined;
}

static gboolean
is_attribute(const Tokens *tokens, const char *text, guint i)
{
    for (gsize k = 0; k < G_N_ELEMENTS(attribute_words); k++) {
        if (tokens_is(tokens, text, i, attribute_words[k]))
            return TRUE;
    }
    return FALSE;
}

/* The end of a word with its parentheses: "INCLUDE (a, b)". */
static guint
past_group(const Tokens *tokens, guint i, guint last)
{
    int depth = tokens_at(tokens, i)->depth;

    i++;
    while (i < last && tokens_at(tokens, i)->depth > depth)
        i++;
    return i < last && i > 0 && tokens_at(tokens, i - 1)->depth > depth ? i + 1 : i;
}

/* UNIQUE and PRIMARY KEY: the parts that CREATE INDEX has, too, in the order in which it wants them (manual, CREATE
 * INDEX): INCLUDE, NULLS NOT DISTINCT, WITH, TABLESPACE. */
static void
fill_index_parts(ConstraintDef *constraint, const char *text, const Tokens *tokens, guint first, guint last)
{
    int depth = tokens_at(tokens, first)->depth;
    char *include = NULL;
    char *nulls = NULL;
    char *with = NULL;
    char *space = NULL;

    for (guint i = first; i < last; i++) {
        if (tokens_at(tokens, i)->depth != depth)
            continue;
        if (tokens_is(tokens, text, i, "INCLUDE") && include == NULL)
            include = tokens_slice(tokens, text, i, past_group(tokens, i + 1, last));
        else if (tokens_is(tokens, text, i, "NULLS") && nulls == NULL)
            nulls = tokens_slice(tokens, text, i, tokens_is(tokens, text, i + 1, "NOT") ? i + 3 : i + 2);
        else if (tokens_is(tokens, text, i, "WITH") && with == NULL)
            with = tokens_slice(tokens, text, i, past_group(tokens, i + 1, last));
        else if (tokens_is(tokens, text, i, "TABLESPACE") && space == NULL)
            space = tokens_slice(tokens, text, i, MIN(i + 2, last));
    }
    for (gsize i = 0; i < 4; i++) {
        char *piece = (char *[]){include, nulls, with, space}[i];

        if (piece != NULL)
            add_piece(&constraint->index_tail, "", piece);
    }
}

/* DEFERRABLE and what goes with it: at the end, up to NOT VALID or NO INHERIT. */
static void
fill_attributes(ConstraintDef *constraint, const char *text, const Tokens *tokens, guint first, guint last)
{
    int depth = tokens_at(tokens, first)->depth;

    for (guint i = first; i < last; i++) {
        guint end = i + 1;

        if (tokens_at(tokens, i)->depth != depth || !is_attribute(tokens, text, i))
            continue;
        if (tokens_is(tokens, text, i, "NOT") || tokens_is(tokens, text, i, "INITIALLY"))
            end = i + 2;
        if (tokens_is(tokens, text, i, "NOT") && !is_attribute(tokens, text, i + 1))
            continue;
        if (tokens_is(tokens, text, i, "NOT") && i > first && tokens_is(tokens, text, i - 1, "NULLS"))
            continue;
        add_piece(&constraint->attributes, "", tokens_slice(tokens, text, i, MIN(end, last)));
        i = end - 1;
    }
}

/* GENERATED ... AS IDENTITY [(options)] */
static void
fill_identity(ConstraintDef *constraint, const PgQuery__Constraint *tree, const char *text, const Tokens *tokens,
              guint first, guint last)
{
    guint end = first;

    while (end < last && !tokens_is(tokens, text, end, "IDENTITY"))
        end++;
    constraint->identity = tokens_slice(tokens, text, first, MIN(end + 1, last));
    if (tokens_is(tokens, text, end + 1, "(") && end + 3 < last)
        constraint->sequence = tokens_slice(tokens, text, end + 2, last - 1);
    for (size_t i = 0; i < tree->n_options; i++) {
        if (tree->options[i]->node_case == PG_QUERY__NODE__NODE_DEF_ELEM &&
            strcmp(tree->options[i]->def_elem->defname, "sequence_name") == 0)
            constraint->names_sequence = TRUE;
    }
}

/* EXCLUDE: each element is a list of what is compared, a column or an expression, and the operator. */
static void
add_excluded(Expr *expr, const PgQuery__Constraint *tree)
{
    for (size_t i = 0; i < tree->n_exclusions; i++) {
        const PgQuery__Node *pair = tree->exclusions[i];
        const PgQuery__IndexElem *element;

        if (pair->node_case != PG_QUERY__NODE__NODE_LIST || pair->list->n_items == 0 ||
            pair->list->items[0]->node_case != PG_QUERY__NODE__NODE_INDEX_ELEM)
            continue;
        element = pair->list->items[0]->index_elem;
        if (element->name[0] != '\0') {
            g_ptr_array_add(expr->columns, g_strdup(element->name));
            g_ptr_array_add(expr->qualifiers, NULL);
        }
        tree_expr_add(expr, element->expr);
    }
    tree_expr_add(expr, tree->where_clause);
}

static ConstraintDef *
new_constraint(const PgQuery__Constraint *tree, ConstraintKind kind)
{
    ConstraintDef *constraint = g_new0(ConstraintDef, 1);

    constraint->kind = kind;
    constraint->name = tree->conname[0] != '\0' ? g_strdup(tree->conname) : NULL;
    constraint->columns = g_ptr_array_new_with_free_func(g_free);
    constraint->included = g_ptr_array_new_with_free_func(g_free);
    constraint->other_columns = g_ptr_array_new_with_free_func(g_free);
    constraint->is_not_valid = tree->skip_validation;
    constraint->is_match_full = strcmp(tree->fk_matchtype, "f") == 0;
    constraint->nulls_not_distinct = tree->nulls_not_distinct;
    constraint->index = tree->indexname[0] != '\0' ? g_strdup(tree->indexname) : NULL;
    if (tree->pktable != NULL)
        constraint->other = tree_rel_name(tree->pktable);
    add_names(constraint->columns, tree->n_keys, tree->keys);
    add_names(constraint->columns, tree->n_fk_attrs, tree->fk_attrs);
    add_names(constraint->included, tree->n_including, tree->including);
    add_names(constraint->other_columns, tree->n_pk_attrs, tree->pk_attrs);
    tree_expr(&constraint->check, NULL);
    tree_expr_add(&constraint->check, tree->raw_expr);
    add_excluded(&constraint->check, tree);
    return constraint;
}

/* "CHECK (a > 0)" -> "a > 0". */
static char *
in_parentheses(const Tokens *tokens, const char *text, guint first, guint last)
{
    guint open = first;
    guint close;

    while (open < last && !tokens_is(tokens, text, open, "("))
        open++;
    close = open + 1;
    while (close < last && tokens_at(tokens, close)->depth > tokens_at(tokens, open)->depth)
        close++;
    while (close > open + 1 && (close >= last || !tokens_is(tokens, text, close, ")")))
        close--;
    return tokens_slice(tokens, text, open + 1, close);
}

/* What both have in common; the tokens begin behind CONSTRAINT name. */
static void
fill_parts(ConstraintDef *constraint, const PgQuery__Constraint *tree, const char *text, const Tokens *tokens,
           guint first, guint last)
{
    if (constraint->kind == CONSTRAINT_CHECK || constraint->kind == CONSTRAINT_GENERATED)
        constraint->check.text = in_parentheses(tokens, text, first, last);
    if (constraint->kind == CONSTRAINT_UNIQUE || constraint->kind == CONSTRAINT_PRIMARY)
        fill_index_parts(constraint, text, tokens, first, last);
    if (constraint->kind == CONSTRAINT_IDENTITY)
        fill_identity(constraint, tree, text, tokens, first, last);
    else
        fill_attributes(constraint, text, tokens, first, last);
}

static const char *
kind_of(PgQuery__ConstrType type, ConstraintKind *ret_kind)
{
    for (gsize i = 0; i < G_N_ELEMENTS(kinds); i++) {
        if (kinds[i].type == type) {
            *ret_kind = kinds[i].kind;
            return kinds[i].keyword;
        }
    }
    return NULL;
}

ConstraintDef *
tree_constraint(const PgQuery__Constraint *tree, const char *text, const Tokens *tokens, guint first, guint last)
{
    ConstraintKind kind = CONSTRAINT_EXCLUDE;
    ConstraintDef *constraint;
    guint body = tokens_is(tokens, text, first, "CONSTRAINT") ? first + 2 : first;

    kind_of(tree->contype, &kind);
    constraint = new_constraint(tree, kind);
    constraint->start = tokens_at(tokens, first)->start;
    constraint->end = tokens_at(tokens, last - 1)->end;
    constraint->body = tokens_slice(tokens, text, body, last);
    fill_parts(constraint, tree, text, tokens, body, last);
    return constraint;
}

static gboolean
is_attribute_type(PgQuery__ConstrType type)
{
    return type == PG_QUERY__CONSTR_TYPE__CONSTR_ATTR_DEFERRABLE ||
           type == PG_QUERY__CONSTR_TYPE__CONSTR_ATTR_NOT_DEFERRABLE ||
           type == PG_QUERY__CONSTR_TYPE__CONSTR_ATTR_DEFERRED || type == PG_QUERY__CONSTR_TYPE__CONSTR_ATTR_IMMEDIATE;
}

/* The place, as the tree counts, of the next part of the column behind `location`: what an attribute qualifies goes
 * with it. */
static int
next_location(const PgQuery__ColumnDef *tree, int location)
{
    int next = G_MAXINT;

    for (size_t i = 0; i < tree->n_constraints; i++) {
        const PgQuery__Constraint *constraint = tree->constraints[i]->constraint;

        if (!is_attribute_type(constraint->contype) && constraint->location > location)
            next = MIN(next, constraint->location);
    }
    if (tree->coll_clause != NULL && tree->coll_clause->location > location)
        next = MIN(next, tree->coll_clause->location);
    return next;
}

static guint
token_from(const Tokens *tokens, int start, guint first, guint last)
{
    while (first < last && tokens_at(tokens, first)->start < start)
        first++;
    return first;
}

/* "REFERENCES b (c)" of column a -> "FOREIGN KEY (a) REFERENCES b (c)". */
static char *
table_body(const ConstraintDef *constraint, const char *column, const char *slice)
{
    switch (constraint->kind) {
        case CONSTRAINT_FOREIGN:
            return g_strdup_printf("FOREIGN KEY (%s) %s", column, slice);
        case CONSTRAINT_UNIQUE:
        case CONSTRAINT_PRIMARY:
            return g_strdup_printf("%s (%s)%s%s%s%s", constraint->kind == CONSTRAINT_UNIQUE ? "UNIQUE" : "PRIMARY KEY",
                                   column, constraint->index_tail != NULL ? " " : "",
                                   constraint->index_tail != NULL ? constraint->index_tail : "",
                                   constraint->attributes != NULL ? " " : "",
                                   constraint->attributes != NULL ? constraint->attributes : "");
        default:
            return g_strdup(slice);
    }
}

static ConstraintDef *
inline_constraint(const PgQuery__Constraint *tree, const char *column, const char *text, const Tokens *tokens,
                  guint first, guint last)
{
    guint body = tokens_is(tokens, text, first, "CONSTRAINT") ? first + 2 : first;
    g_autofree char *slice = tokens_slice(tokens, text, body, last);
    g_autofree char *quoted = NULL;
    ConstraintKind kind;
    ConstraintDef *constraint;

    if (kind_of(tree->contype, &kind) == NULL)
        return NULL;
    constraint = new_constraint(tree, kind);
    constraint->is_inline = TRUE;
    constraint->start = tokens_at(tokens, first)->start;
    constraint->end = tokens_at(tokens, last - 1)->end;
    if (kind == CONSTRAINT_UNIQUE || kind == CONSTRAINT_PRIMARY || kind == CONSTRAINT_FOREIGN)
        g_ptr_array_add(constraint->columns, g_strdup(column));
    fill_parts(constraint, tree, text, tokens, body, last);
    quoted = sql_quote_ident(column);
    constraint->body = table_body(constraint, quoted, slice);
    return constraint;
}

void
tree_inline_constraints(ColumnDef *column, const PgQuery__ColumnDef *tree, const char *text, const Tokens *tokens,
                        guint first, guint last)
{
    int shift = tree->location - tokens_at(tokens, first)->start;
    int begin = G_MAXINT;

    column->constraints = g_ptr_array_new_with_free_func(stmt_constraint_free);
    for (size_t i = 0; i < tree->n_constraints; i++) {
        const PgQuery__Constraint *part = tree->constraints[i]->constraint;
        int next = next_location(tree, part->location);
        guint from = token_from(tokens, part->location - shift, first, last);
        guint to = next == G_MAXINT ? last : token_from(tokens, next - shift, from, last);
        ConstraintDef *constraint;

        begin = MIN(begin, part->location - shift);
        if (part->contype == PG_QUERY__CONSTR_TYPE__CONSTR_NOTNULL)
            continue;
        constraint = inline_constraint(part, column->name, text, tokens, from, to);
        if (constraint != NULL)
            g_ptr_array_add(column->constraints, constraint);
    }
    column->base = tokens_slice(tokens, text, first, begin == G_MAXINT ? last : token_from(tokens, begin, first, last));
    if (tree->coll_clause != NULL && tree->coll_clause->location - shift > begin) {
        int next = next_location(tree, tree->coll_clause->location);
        guint from = token_from(tokens, tree->coll_clause->location - shift, first, last);

        add_piece(
            &column->base, "",
            tokens_slice(tokens, text, from, next == G_MAXINT ? last : token_from(tokens, next - shift, from, last)));
    }
}
