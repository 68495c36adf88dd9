#include "version/sync_body.h"

#include "base/sqltext.h"
#include "version/sync_guard.h"
#include "version/sync_put.h"

char *
sync_differs(const GPtrArray *columns, const char *one, const char *other)
{
    g_autofree char *left = sync_row(columns, one);
    g_autofree char *right = sync_row(columns, other);

    return sql_build("pg_catalog.record_image_ne(?, ?)", sql_raw(left), sql_raw(right));
}

/* record.column := what its expression gives. Assignment brings it to the column's type, and refuses what does not fit.
 */
static void
put_made(SyncBody *body, const GPtrArray *columns, const char *record)
{
    g_autoptr(GPtrArray) made = sync_made(columns);

    if (sync_is_guarded(body->table, made)) {
        sync_put_try(body, made, record);
        return;
    }
    for (guint i = 0; i < made->len; i++) {
        const SyncColumn *column = g_ptr_array_index(made, i);
        g_autofree char *call = sync_call(body->table, column, "NEW");

        sync_put_sql(body, "?.? := ?;", sql_raw(record), sql_quoted(column->name), sql_raw(call));
    }
    if (made->len == 0)
        sync_put(body, g_strdup("NULL;"));
}

/* `verdict` := do these columns hold what their expressions give? Compared as stored: a column may round. */
static void
put_verdict(SyncBody *body, const char *verdict, const GPtrArray *columns)
{
    g_autoptr(GPtrArray) made = sync_made(columns);
    g_autofree char *test = NULL;

    sync_put(body, g_strdup("want := NEW;"));
    put_made(body, made, "want");
    test = sync_differs(made, "want", "NEW");
    sync_put_sql(body, "? := NOT ?;", sql_raw(verdict), sql_raw(test));
}

/* in_step := do the two sides agree, by `down` or by `up`? */
static void
put_in_step(SyncBody *body, const SyncGroup *group)
{
    g_autoptr(GPtrArray) downs = sync_made(group->old_columns);
    g_autoptr(GPtrArray) ups = sync_made(group->new_columns);

    sync_put(body, g_strdup("in_step := FALSE;"));
    if (downs->len > 0)
        put_verdict(body, "in_step", downs);
    if (ups->len == 0)
        return;
    if (downs->len > 0)
        sync_put_if(body, g_strdup("IF NOT in_step THEN"));
    put_verdict(body, "in_step", ups);
    if (downs->len > 0)
        sync_put_end(body);
}

/* An UPDATE of the new columns alone. What agrees by `up` already, so also what the backfill writes, leaves the old
 * ones as they are. */
static void
put_new_update(SyncBody *body, const SyncGroup *group)
{
    g_autoptr(GPtrArray) ups = sync_made(group->new_columns);

    sync_put(body, g_strdup("in_step := FALSE;"));
    if (ups->len > 0)
        put_verdict(body, "in_step", ups);
    sync_put_if(body, g_strdup("IF NOT in_step THEN"));
    put_made(body, group->old_columns, "NEW");
    sync_put_end(body);
}

/* Names of what the expressions of `columns` use, but for those that are known. */
static void
add_inputs(GPtrArray *names, GHashTable *known, const GPtrArray *columns)
{
    for (guint i = 0; i < columns->len; i++) {
        const SyncColumn *column = g_ptr_array_index(columns, i);

        for (guint k = 0; k < column->inputs->len; k++) {
            char *name = ((SyncInput *)g_ptr_array_index(column->inputs, k))->name;

            if (g_hash_table_add(known, name))
                g_ptr_array_add(names, name);
        }
    }
}

char *
sync_shared_changed(const SyncGroup *group)
{
    g_autoptr(GHashTable) known = g_hash_table_new(g_str_hash, g_str_equal);
    g_autoptr(GPtrArray) old_names = sync_names(group->old_columns);
    g_autoptr(GPtrArray) new_names = sync_names(group->new_columns);
    g_autoptr(GPtrArray) shared = g_ptr_array_new();
    g_autofree char *after = NULL;
    g_autofree char *before = NULL;

    for (guint i = 0; i < old_names->len; i++)
        g_hash_table_add(known, g_ptr_array_index(old_names, i));
    for (guint i = 0; i < new_names->len; i++)
        g_hash_table_add(known, g_ptr_array_index(new_names, i));
    add_inputs(shared, known, group->old_columns);
    add_inputs(shared, known, group->new_columns);
    if (shared->len == 0)
        return NULL;
    after = sync_name_row(shared, "NEW");
    before = sync_name_row(shared, "OLD");
    return sql_build("pg_catalog.record_image_ne(?, ?)", sql_raw(after), sql_raw(before));
}

char *
sync_new_wrote(guint bit)
{
    return sql_build("(side OPERATOR(pg_catalog.&) ?) OPERATOR(pg_catalog.<>) 0", sql_int(bit));
}

/* An INSERT of the old version, or of a row that has both sides: one that moves between partitions or is replicated. */
static void
put_pair_insert(SyncBody *body, const SyncGroup *group)
{
    g_autoptr(GPtrArray) downs = sync_made(group->old_columns);
    g_autofree char *list = sync_list(group->new_columns, "NEW");

    sync_put(body, g_strdup("in_step := FALSE;"));
    sync_put_if(body, sql_build("IF pg_catalog.num_nonnulls(?) OPERATOR(pg_catalog.>) 0 THEN", sql_raw(list)));
    if (downs->len > 0)
        put_verdict(body, "in_step", downs);
    else
        sync_put(body, g_strdup("in_step := TRUE;"));
    sync_put_end(body);
    sync_put_if(body, g_strdup("IF NOT in_step THEN"));
    put_made(body, group->new_columns, "NEW");
    sync_put_end(body);
}

/* Is one of the columns that must not be NULL not filled yet? NULL: there are none. */
static char *
is_unfilled(const SyncGroup *group)
{
    g_autoptr(GPtrArray) must = g_ptr_array_new();
    g_autofree char *list = NULL;

    for (guint i = 0; i < group->new_columns->len; i++) {
        const SyncColumn *column = g_ptr_array_index(group->new_columns, i);

        if (column->is_not_null)
            g_ptr_array_add(must, column->name);
    }
    if (must->len == 0)
        return NULL;
    list = sync_name_list(must, "NEW");
    return sql_build("pg_catalog.num_nulls(?) OPERATOR(pg_catalog.>) 0", sql_raw(list));
}

/* The INSERT of a row that moves here from another partition: as the UPDATE left it, but for the user's triggers, which
 * fire once more. */
static void
put_pair_moved(SyncBody *body, const SyncGroup *group)
{
    g_autoptr(GPtrArray) downs = sync_made(group->old_columns);

    if (body->table->partition_keys->len == 0)
        return;
    sync_put_branch(body, g_strdup("ELSIF is_moved THEN"));
    if (body->moment == SYNC_LAST && downs->len > 0) {
        put_in_step(body, group);
        sync_put_if(body, g_strdup("IF NOT in_step THEN"));
        put_made(body, group->new_columns, "NEW");
        sync_put_end(body);
    } else {
        sync_put(body, g_strdup("NULL;"));
    }
}

static void
put_pair_update(SyncBody *body, const SyncGroup *group)
{
    g_autofree char *old_changed = sync_differs(group->old_columns, "NEW", "OLD");
    g_autofree char *new_changed = sync_differs(group->new_columns, "NEW", "OLD");
    g_autofree char *shared = sync_shared_changed(group);
    g_autofree char *unfilled = is_unfilled(group);
    g_autoptr(GPtrArray) ups = sync_made(group->new_columns);

    sync_put_branch(body, sql_build("ELSIF ? THEN", sql_raw(old_changed)));
    sync_put(body, g_strdup("in_step := FALSE;"));
    sync_put_if(body, sql_build("IF ? THEN", sql_raw(new_changed)));
    put_in_step(body, group);
    sync_put_end(body);
    sync_put_if(body, g_strdup("IF NOT in_step THEN"));
    put_made(body, group->new_columns, "NEW");
    sync_put_end(body);
    sync_put_branch(body, sql_build("ELSIF ? THEN", sql_raw(new_changed)));
    put_new_update(body, group);
    if (unfilled != NULL) {
        sync_put_branch(body, sql_build("ELSIF ? THEN", sql_raw(unfilled)));
        put_made(body, group->new_columns, "NEW");
    }
    if (shared == NULL)
        return;
    sync_put_branch(body, sql_build("ELSIF ? THEN", sql_raw(shared)));
    put_in_step(body, group);
    sync_put_if(body, g_strdup("IF NOT in_step THEN"));
    put_made(body, ups->len > 0 ? group->new_columns : group->old_columns, "NEW");
    sync_put_end(body);
}

static void
put_pair(SyncBody *body, const SyncGroup *group, guint bit)
{
    g_autofree char *is_new = sync_new_wrote(bit);
    g_autoptr(GPtrArray) downs = sync_made(group->old_columns);

    if (body->moment == SYNC_LAST) {
        sync_put_if(body, sql_build("IF ? THEN", sql_raw(is_new)));
        /* `first` filled the old side; what differs now was changed by the user's triggers. */
        if (downs->len > 0) {
            put_verdict(body, "in_step", downs);
            sync_put_if(body, g_strdup("IF NOT in_step THEN"));
            put_made(body, group->new_columns, "NEW");
            sync_put_end(body);
        } else {
            sync_put(body, g_strdup("NULL;"));
        }
    } else {
        sync_put_if(body, sql_build("IF is_insert AND ? THEN", sql_raw(is_new)));
        put_made(body, group->old_columns, "NEW");
    }
    put_pair_moved(body, group);
    sync_put_branch(body, g_strdup("ELSIF is_insert THEN"));
    put_pair_insert(body, group);
    put_pair_update(body, group);
    sync_put_end(body);
}

/* An UPDATE needs no bit: both sides have changed when `last` looks, and agree unless the user's triggers meddled. */
static void
put_pair_first(SyncBody *body, const SyncGroup *group, guint bit)
{
    g_autofree char *is_new = sync_new_wrote(bit);
    g_autofree char *old_changed = sync_differs(group->old_columns, "NEW", "OLD");
    g_autofree char *new_changed = sync_differs(group->new_columns, "NEW", "OLD");

    sync_put_if(body, g_strdup("IF is_insert THEN"));
    sync_put_if(body, sql_build("IF ? THEN", sql_raw(is_new)));
    put_made(body, group->old_columns, "NEW");
    sync_put_end(body);
    sync_put_branch(body, sql_build("ELSIF NOT ? AND ? THEN", sql_raw(old_changed), sql_raw(new_changed)));
    put_new_update(body, group);
    sync_put_end(body);
}

/* Does the statement name the new version's view? Not known where it names it with its schema. By name, not by OID: the
 * view is made after the trigger; and in a way that needs no right on its schema. */
static char *
by_new_view(const SyncTable *table)
{
    g_autofree char *view = sql_build("?", sql_quoted(table->view));

    return sql_build("EXISTS (SELECT FROM pg_catalog.pg_class AS c JOIN pg_catalog.pg_namespace AS n "
                     "ON n.oid OPERATOR(pg_catalog.=) c.relnamespace "
                     "WHERE c.oid OPERATOR(pg_catalog.=) pg_catalog.to_regclass(?) "
                     "AND n.nspname OPERATOR(pg_catalog.=) ?)",
                     sql_literal(view), sql_literal(table->view_schema));
}

/* A column that is NULL gets a value. num_nulls, because IS NULL is another thing for composite types. */
static void
put_fill(SyncBody *body, const GPtrArray *columns)
{
    for (guint i = 0; i < columns->len; i++) {
        SyncColumn *column = g_ptr_array_index(columns, i);
        g_autoptr(GPtrArray) one = g_ptr_array_new();

        g_ptr_array_add(one, column);
        sync_put_if(
            body, sql_build("IF pg_catalog.num_nulls(NEW.?) OPERATOR(pg_catalog.>) 0 THEN", sql_quoted(column->name)));
        put_made(body, one, "NEW");
        sync_put_end(body);
    }
}

static void
put_add(SyncBody *body, const SyncGroup *group, guint bit)
{
    g_autofree char *is_new = sync_new_wrote(bit);
    g_autofree char *changed = sync_differs(group->new_columns, "NEW", "OLD");
    g_autofree char *shared = sync_shared_changed(group);
    g_autofree char *unfilled = is_unfilled(group);
    g_autofree char *by_view = shared != NULL ? by_new_view(body->table) : NULL;
    gboolean may_move = body->table->partition_keys->len > 0;

    sync_put_if(body, g_strdup("IF is_insert THEN"));
    sync_put_if(body, sql_build("IF NOT ?? THEN", sql_raw(is_new), sql_raw(may_move ? " AND NOT is_moved" : "")));
    put_fill(body, group->new_columns);
    sync_put_end(body);
    if (unfilled != NULL) {
        sync_put_branch(body, sql_build("ELSIF ? AND NOT ? THEN", sql_raw(unfilled), sql_raw(changed)));
        put_fill(body, group->new_columns);
    }
    if (shared != NULL) {
        sync_put_branch(body, sql_build("ELSIF ? AND NOT ? THEN", sql_raw(shared), sql_raw(changed)));
        sync_put_if(body, sql_build("IF NOT ? THEN", sql_raw(by_view)));
        put_made(body, group->new_columns, "NEW");
        sync_put_end(body);
    }
    sync_put_end(body);
}

/* `first` decides, so that the user's triggers see the old shape filled; `last` makes it again from what they left of
 * the shared columns. */
static void
put_drop(SyncBody *body, const SyncGroup *group, guint bit)
{
    g_autofree char *is_new = sync_new_wrote(bit);
    g_autofree char *changed = sync_differs(group->old_columns, "NEW", "OLD");
    g_autofree char *shared = sync_shared_changed(group);
    g_autofree char *by_view = shared != NULL ? by_new_view(body->table) : NULL;

    sync_put_if(body, sql_build("IF ? THEN", sql_raw(is_new)));
    put_made(body, group->old_columns, "NEW");
    if (shared != NULL && body->moment != SYNC_LAST) {
        sync_put_branch(body, sql_build("ELSIF NOT is_insert AND ? AND NOT ? THEN", sql_raw(shared), sql_raw(changed)));
        sync_put_if(body, sql_build("IF ? THEN", sql_raw(by_view)));
        put_made(body, group->old_columns, "NEW");
        sync_put_sql(body, "side := side OPERATOR(pg_catalog.|) ?;", sql_int(bit));
        sync_put_end(body);
    }
    sync_put_end(body);
}

static void
put_group(SyncBody *body, const SyncGroup *group, guint bit)
{
    sync_put_guard_begin(body);
    switch (group->kind) {
        case SYNC_PAIR:
            if (sync_has_quarantine(body->table))
                sync_put_guarded_pair(body, group, bit);
            else if (body->moment == SYNC_FIRST)
                put_pair_first(body, group, bit);
            else
                put_pair(body, group, bit);
            break;
        case SYNC_ADD:
            if (body->moment != SYNC_FIRST)
                put_add(body, group, bit);
            break;
        case SYNC_DROP:
            put_drop(body, group, bit);
            break;
        case SYNC_FILL:
            if (body->moment != SYNC_FIRST)
                put_fill(body, group->new_columns);
            break;
    }
    sync_put_guard_note(body, group);
}

/* The new version's default for the marker counts at INSERT only; what an UPDATE finds there `first` has left. */
static void
put_declarations(SyncBody *body)
{
    const char *marker = body->table->marker;

    sync_put(body, g_strdup("DECLARE"));
    body->depth++;
    sync_put(body, g_strdup("is_insert boolean := TG_OP OPERATOR(pg_catalog.=) 'INSERT';"));
    sync_put(body, g_strdup("in_step boolean;"));
    sync_put(body, g_strdup("want record;"));
    sync_put_guard_variables(body);
    if (!sync_needs_marker(body->table))
        sync_put(body, g_strdup("side integer := 0;"));
    else if (body->moment == SYNC_LAST)
        sync_put_sql(body, "side integer := COALESCE(NEW.?, 0);", sql_quoted(marker));
    else
        sync_put_sql(body, "side integer := CASE WHEN is_insert THEN COALESCE(NEW.?, 0) ELSE 0 END;",
                     sql_quoted(marker));
    if (sync_needs_marker(body->table) && body->table->partition_keys->len > 0)
        sync_put_sql(body, "is_moved boolean := is_insert AND NEW.? IS NOT NULL AND side OPERATOR(pg_catalog.=) 0;",
                     sql_quoted(marker));
    body->depth--;
}

static void
put_marker(SyncBody *body)
{
    const char *marker = body->table->marker;
    const GPtrArray *keys = body->table->partition_keys;
    g_autofree char *after = sync_name_row(keys, "NEW");
    g_autofree char *before = sync_name_row(keys, "OLD");

    if (!sync_needs_marker(body->table))
        return;
    if (body->moment == SYNC_FIRST) {
        sync_put(body, g_strdup("IF NOT is_insert AND side OPERATOR(pg_catalog.<>) 0 THEN"));
        sync_put_sql(body, "    NEW.? := side;", sql_quoted(marker));
    } else {
        sync_put_sql(body, "IF NEW.? IS NOT NULL THEN", sql_quoted(marker));
        sync_put_sql(body, "    NEW.? := NULL;", sql_quoted(marker));
    }
    sync_put(body, g_strdup("END IF;"));
    if (body->moment == SYNC_FIRST || keys->len == 0)
        return;
    sync_put_sql(body, "IF NOT is_insert AND pg_catalog.record_image_ne(?, ?) THEN", sql_raw(after), sql_raw(before));
    sync_put_sql(body, "    NEW.? := 0;", sql_quoted(marker));
    sync_put(body, g_strdup("END IF;"));
}

char *
sync_body(const SyncTable *table, SyncMoment moment)
{
    SyncBody body = {table, moment, g_string_new("\n"), 0};

    put_declarations(&body);
    sync_put(&body, g_strdup("BEGIN"));
    body.depth++;
    for (guint i = 0; i < table->groups->len; i++)
        put_group(&body, g_ptr_array_index(table->groups, i), 1U << i);
    put_marker(&body);
    sync_put(&body, g_strdup("RETURN NEW;"));
    body.depth--;
    sync_put(&body, g_strdup("END"));
    return g_string_free(body.text, FALSE);
}
