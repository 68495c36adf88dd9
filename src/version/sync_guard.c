#include "version/sync_guard.h"

gboolean
sync_is_guarded(const SyncTable *table, const GPtrArray *columns)
{
    if (columns->len == 0)
        return FALSE;
    return sync_direction(table, g_ptr_array_index(columns, 0))[0] == 'u' ? table->guards_up : table->guards_down;
}

static const char *
direction_of(const SyncTable *table, const GPtrArray *columns)
{
    return sync_direction(table, g_ptr_array_index(columns, 0));
}

/* record.column := what this gives, of each; `from` NULL: NULL. */
static void
put_all(SyncBody *body, const GPtrArray *columns, const char *record, const char *from)
{
    for (guint i = 0; i < columns->len; i++) {
        const SyncColumn *column = g_ptr_array_index(columns, i);

        if (from == NULL)
            sync_put_sql(body, "?.? := NULL;", sql_raw(record), sql_quoted(column->name));
        else
            sync_put_sql(body, "?.? := ?.?;", sql_raw(record), sql_quoted(column->name), sql_raw(from),
                         sql_quoted(column->name));
    }
}

static void
put_calls(SyncBody *body, const GPtrArray *columns, const char *record, const char *row)
{
    for (guint i = 0; i < columns->len; i++) {
        const SyncColumn *column = g_ptr_array_index(columns, i);
        g_autofree char *call = sync_call(body->table, column, row);

        sync_put_sql(body, "?.? := ?;", sql_raw(record), sql_quoted(column->name), sql_raw(call));
    }
}

/* From the columns of `row`: NEW or OLD. `from` is given where the values are only compared: what this side is made
 * from. Then also a direction that is not guarded does not fail on a side that is missing. */
static void
put_try_of(SyncBody *body, const GPtrArray *columns, const char *record, const char *row, const GPtrArray *from)
{
    const char *direction = direction_of(body->table, columns);
    gboolean is_guarded = sync_is_guarded(body->table, columns);
    g_autofree char *source = from != NULL ? sync_list(from, row) : NULL;

    if (!is_guarded && from == NULL) {
        put_calls(body, columns, record, row);
        return;
    }
    sync_put_sql(body, "?_error := NULL;", sql_raw(direction));
    sync_put_if(body, g_strdup("BEGIN"));
    put_calls(body, columns, record, row);
    sync_put_branch(body, g_strdup("EXCEPTION WHEN " SYNC_CAUGHT " THEN"));
    if (!is_guarded) {
        sync_put_if(body, sql_build("IF pg_catalog.num_nonnulls(?) OPERATOR(pg_catalog.>) 0 THEN", sql_raw(source)));
        sync_put(body, g_strdup("RAISE;"));
        sync_put_end(body);
    }
    sync_put_sql(body, "?_error := SQLSTATE;", sql_raw(direction));
    sync_put_sql(body, "?_text := SQLERRM;", sql_raw(direction));
    put_all(body, columns, record, NULL);
    sync_put_branch(body, g_strdup("END;"));
    body->depth--;
}

void
sync_put_try(SyncBody *body, const GPtrArray *columns, const char *record)
{
    put_try_of(body, columns, record, "NEW", NULL);
}

void
sync_put_guard_variables(SyncBody *body)
{
    static const char *const names[] = {"up_error", "up_text", "down_error", "down_text"};

    for (guint i = 0; sync_has_quarantine(body->table) && i < G_N_ELEMENTS(names); i++)
        sync_put_sql(body, "? text;", sql_raw(names[i]));
}

void
sync_put_guard_begin(SyncBody *body)
{
    if (!sync_has_quarantine(body->table))
        return;
    sync_put(body, g_strdup("up_error := NULL;"));
    sync_put(body, g_strdup("down_error := NULL;"));
}

/* want := the row, with what the expressions of `columns` give. */
static void
put_want(SyncBody *body, const GPtrArray *columns)
{
    sync_put(body, g_strdup("want := NEW;"));
    sync_put_try(body, columns, "want");
}

/* The same to compare with. */
static void
put_compared(SyncBody *body, const GPtrArray *columns, const GPtrArray *from)
{
    sync_put(body, g_strdup("want := NEW;"));
    put_try_of(body, columns, "want", "NEW", from);
}

/* in_step := does the row hold what the expressions of `columns` give? One that fails gives NULL. */
static void
put_verdict(SyncBody *body, const GPtrArray *columns, const GPtrArray *from)
{
    g_autofree char *differs = sync_differs(columns, "want", "NEW");

    put_compared(body, columns, from);
    sync_put_sql(body, "in_step := NOT ?;", sql_raw(differs));
}

/* Both sides were written. If they disagree the old one stands, but only where both can be computed: else what was
 * written would be lost. */
static void
put_both(SyncBody *body, const SyncGroup *group)
{
    put_verdict(body, group->old_columns, group->new_columns);
    sync_put_if(body, g_strdup("IF NOT in_step THEN"));
    put_verdict(body, group->new_columns, group->old_columns);
    sync_put_if(body, g_strdup("IF NOT in_step AND up_error IS NULL AND down_error IS NULL THEN"));
    put_all(body, group->new_columns, "NEW", "want");
    sync_put_end(body);
    sync_put_end(body);
}

/* The new side was written. Where the old one is missing on the new side, a part of it does not bring NULL back. */
static void
put_new_update(SyncBody *body, const SyncGroup *group)
{
    gboolean has_parts = body->table->guards_up && group->new_columns->len > 1;
    g_autofree char *differs = sync_differs(group->new_columns, "want", "NEW");
    g_autofree char *made = sync_list(group->old_columns, "want");
    g_autofree char *before = sync_list(group->new_columns, "OLD");
    g_autofree char *after = sync_list(group->new_columns, "NEW");

    put_compared(body, group->new_columns, group->old_columns);
    sync_put_if(body, sql_build("IF up_error IS NOT NULL OR ? THEN", sql_raw(differs)));
    put_want(body, group->old_columns);
    if (has_parts)
        sync_put_if(body, sql_build("IF up_error IS NULL "
                                    "OR pg_catalog.num_nonnulls(?) OPERATOR(pg_catalog.>) 0 "
                                    "OR pg_catalog.num_nulls(?) OPERATOR(pg_catalog.=) 0 "
                                    "OR pg_catalog.num_nulls(?) OPERATOR(pg_catalog.=) 0 THEN",
                                    sql_raw(made), sql_raw(before), sql_raw(after)));
    put_all(body, group->old_columns, "NEW", "want");
    /* The old side is what the new one says: that "up" failed on what it was does not matter any more. */
    sync_put(body, g_strdup("up_error := NULL;"));
    if (has_parts)
        sync_put_end(body);
    sync_put_end(body);
}

/* The old side was written; likewise. */
static void
put_old_update(SyncBody *body, const SyncGroup *group)
{
    gboolean has_parts = body->table->guards_down && group->old_columns->len > 1;
    g_autofree char *made = sync_list(group->new_columns, "want");
    g_autofree char *there = sync_list(group->new_columns, "NEW");
    g_autofree char *before = sync_list(group->old_columns, "OLD");
    g_autofree char *after = sync_list(group->old_columns, "NEW");

    put_want(body, group->new_columns);
    if (has_parts) {
        sync_put_if(body, sql_build("IF pg_catalog.num_nonnulls(?) OPERATOR(pg_catalog.=) 0 "
                                    "AND pg_catalog.num_nonnulls(?) OPERATOR(pg_catalog.>) 0 "
                                    "AND pg_catalog.num_nulls(?) OPERATOR(pg_catalog.>) 0 "
                                    "AND pg_catalog.num_nulls(?) OPERATOR(pg_catalog.>) 0 THEN",
                                    sql_raw(made), sql_raw(there), sql_raw(before), sql_raw(after)));
        put_want(body, group->old_columns);
        sync_put_if(body, g_strdup("IF down_error IS NULL THEN"));
        put_all(body, group->new_columns, "NEW", NULL);
        sync_put_end(body);
        sync_put_branch(body, g_strdup("ELSE"));
    }
    put_all(body, group->new_columns, "NEW", "want");
    if (has_parts)
        sync_put_end(body);
}

/* The old side agrees with the new one no more: it was missing if "down" failed before, and then is what is computed.
 */
static void
put_shared_down(SyncBody *body, const SyncGroup *group)
{
    g_autofree char *old_side = sync_list(group->old_columns, "NEW");
    g_autofree char *new_side = sync_list(group->new_columns, "NEW");

    sync_put_if(body, sql_build("IF pg_catalog.num_nonnulls(?) OPERATOR(pg_catalog.=) 0 "
                                "AND pg_catalog.num_nonnulls(?) OPERATOR(pg_catalog.>) 0 THEN",
                                sql_raw(old_side), sql_raw(new_side)));
    put_try_of(body, group->old_columns, "want", "OLD", NULL);
    sync_put_if(body, g_strdup("IF down_error IS NOT NULL THEN"));
    put_want(body, group->old_columns);
    put_all(body, group->old_columns, "NEW", "want");
    sync_put(body, g_strdup("up_error := NULL;"));
    sync_put_branch(body, g_strdup("ELSE"));
    put_all(body, group->new_columns, "NEW", "want");
    sync_put_end(body);
    sync_put_branch(body, g_strdup("ELSE"));
    put_all(body, group->new_columns, "NEW", "want");
    sync_put_end(body);
}

/* Columns that both sides have were written. */
static void
put_shared_update(SyncBody *body, const SyncGroup *group)
{
    put_verdict(body, group->old_columns, group->new_columns);
    sync_put_if(body, g_strdup("IF NOT in_step THEN"));
    put_verdict(body, group->new_columns, group->old_columns);
    sync_put_if(body, g_strdup("IF NOT in_step THEN"));
    if (body->table->guards_down)
        put_shared_down(body, group);
    else
        put_all(body, group->new_columns, "NEW", "want");
    sync_put_end(body);
    sync_put_end(body);
}

/* A row that the new version inserts: `first` or ALONE computes its old side; `last` finds what the user's triggers
 * made of it, and keeps what was written unless both sides can be computed. */
static void
put_new_insert(SyncBody *body, const SyncGroup *group)
{
    if (body->moment == SYNC_LAST)
        put_both(body, group);
    else
        sync_put_try(body, group->old_columns, "NEW");
}

static void
put_old_insert(SyncBody *body, const SyncGroup *group)
{
    g_autofree char *list = sync_list(group->new_columns, "NEW");

    sync_put_if(body, sql_build("IF pg_catalog.num_nonnulls(?) OPERATOR(pg_catalog.>) 0 THEN", sql_raw(list)));
    put_both(body, group);
    sync_put_branch(body, g_strdup("ELSE"));
    sync_put_try(body, group->new_columns, "NEW");
    sync_put_end(body);
}

/* The INSERT of a row that moves here from another partition: as the UPDATE left it, a missing side included, but for
 * the user's triggers, which fire once more. */
static void
put_moved(SyncBody *body, const SyncGroup *group)
{
    if (body->table->partition_keys->len == 0)
        return;
    sync_put_branch(body, g_strdup("ELSIF is_moved THEN"));
    if (body->moment == SYNC_LAST)
        put_both(body, group);
    else
        sync_put(body, g_strdup("NULL;"));
}

static void
put_first(SyncBody *body, const SyncGroup *group, guint bit)
{
    g_autofree char *is_new = sync_new_wrote(bit);
    g_autofree char *old_changed = sync_differs(group->old_columns, "NEW", "OLD");
    g_autofree char *new_changed = sync_differs(group->new_columns, "NEW", "OLD");

    sync_put_if(body, sql_build("IF is_insert AND ? THEN", sql_raw(is_new)));
    put_new_insert(body, group);
    sync_put_branch(body,
                    sql_build("ELSIF NOT is_insert AND NOT ? AND ? THEN", sql_raw(old_changed), sql_raw(new_changed)));
    put_new_update(body, group);
    sync_put_end(body);
}

void
sync_put_guarded_pair(SyncBody *body, const SyncGroup *group, guint bit)
{
    g_autofree char *is_new = sync_new_wrote(bit);
    g_autofree char *old_changed = sync_differs(group->old_columns, "NEW", "OLD");
    g_autofree char *new_changed = sync_differs(group->new_columns, "NEW", "OLD");
    g_autofree char *shared = sync_shared_changed(group);

    if (body->moment == SYNC_FIRST) {
        put_first(body, group, bit);
        return;
    }
    sync_put_if(body, sql_build("IF is_insert AND ? THEN", sql_raw(is_new)));
    put_new_insert(body, group);
    put_moved(body, group);
    sync_put_branch(body, g_strdup("ELSIF is_insert THEN"));
    put_old_insert(body, group);
    sync_put_branch(body, sql_build("ELSIF ? THEN", sql_raw(old_changed)));
    sync_put_if(body, sql_build("IF ? THEN", sql_raw(new_changed)));
    put_both(body, group);
    sync_put_branch(body, g_strdup("ELSE"));
    put_old_update(body, group);
    sync_put_end(body);
    sync_put_branch(body, sql_build("ELSIF ? THEN", sql_raw(new_changed)));
    put_new_update(body, group);
    if (shared != NULL) {
        sync_put_branch(body, sql_build("ELSIF ? THEN", sql_raw(shared)));
        put_shared_update(body, group);
    }
    sync_put_end(body);
}
