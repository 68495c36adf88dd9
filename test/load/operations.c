#include "work.h"

#include <string.h>

static gboolean
pick(Worker *worker, TableId table, Row *row)
{
    return model_pick(worker->model, worker->slot, table, worker->random, row);
}

/* What this client knows besides the common columns: old_column or age. */
static int
own_column(const Worker *worker)
{
    return worker->session.version == VERSION_OLD ? USER_OLD : USER_AGE;
}

/* Writes new values into the common e-mail column and the version's own one, in the row and in the parameters. */
static void
renew(Worker *worker, Row *row, Params *params, gboolean with_balance)
{
    char text[TEXT_SIZE];

    g_snprintf(text, sizeof text, "mail %d.%u@%s.example.org", worker->slot->number, worker->slot->serial++,
               worker->run_name);
    row_set(row, USER_EMAIL, text);
    params_text(params, text);
    if (with_balance)
        params_text(params, row->text[USER_BALANCE]);
    if (own_column(worker) == USER_OLD) {
        g_snprintf(text, sizeof text, "old value %d", work_random(worker, 1000000));
        row_set(row, USER_OLD, text);
    } else {
        row_set_number(row, USER_AGE, 18 + work_random(worker, 80));
    }
    params_text(params, row->text[own_column(worker)]);
}

/* Compares what a client has read of a row with the model. */
static void
check_read(Worker *worker, const PGresult *result, TableId table, const Row *row, const int *columns)
{
    Stats *stats = worker->session.stats;

    if (PQntuples(result) != 1) {
        stats_mismatch(stats, "%s read %d rows of id %" G_GINT64_FORMAT " instead of 1", worker->session.name,
                       PQntuples(result), row->id);
        return;
    }
    for (int n = 0; n < PQnfields(result) - 1; n++) {
        const char *actual = PQgetisnull(result, 0, n + 1) ? NULL_TEXT : PQgetvalue(result, 0, n + 1);
        if (row->known & 1u << columns[n] && strcmp(actual, row->text[columns[n]]) != 0 &&
            !model_ignores(worker->model, table, columns[n]))
            stats_mismatch(stats, "%s read %s of id %" G_GINT64_FORMAT " as '%s', should be '%s'", worker->session.name,
                           PQfname(result, n + 1), row->id, actual, row->text[columns[n]]);
    }
}

gboolean
operation_point(Worker *worker)
{
    Row row;
    Params params = {0};
    const int columns[] = {USER_NAME, USER_EMAIL, USER_BALANCE, own_column(worker)};
    g_autoptr(PGresult) result = NULL;

    if (!pick(worker, TABLE_USERS, &row))
        return TRUE;
    params_number(&params, row.id);
    result = session_run(&worker->session, STATEMENT_POINT, &params);
    if (result != NULL)
        check_read(worker, result, TABLE_USERS, &row, columns);
    return work_settle(worker, result != NULL);
}

gboolean
operation_order(Worker *worker)
{
    static const int columns[] = {ORDER_USER, ORDER_STATUS, ORDER_TOTAL};
    Row row;
    Params params = {0};
    g_autoptr(PGresult) result = NULL;

    if (!pick(worker, TABLE_ORDERS, &row))
        return TRUE;
    params_number(&params, row.id);
    result = session_run(&worker->session, STATEMENT_ORDER, &params);
    if (result != NULL)
        check_read(worker, result, TABLE_ORDERS, &row, columns);
    return work_settle(worker, result != NULL);
}

gboolean
operation_join(Worker *worker)
{
    Row row;
    Params params = {0};
    g_autoptr(PGresult) result = NULL;

    if (!pick(worker, TABLE_USERS, &row))
        return TRUE;
    params_number(&params, row.id);
    result = session_run(&worker->session, STATEMENT_JOIN, &params);
    return work_settle(worker, result != NULL);
}

/* Changes the balance of a row, which must be settled later. */
static gboolean
add_to_balance(Worker *worker, Row *row)
{
    Params params = {0};
    int difference = work_random(worker, 200) - 80;

    params_number(&params, row->id);
    params_number(&params, difference);
    row_set_number(row, USER_BALANCE, row_number(row, USER_BALANCE) + difference);
    work_stage(worker, TABLE_USERS, row);
    return work_write(worker, STATEMENT_BALANCE, &params, 1);
}

gboolean
operation_balance(Worker *worker)
{
    Row row;

    if (!pick(worker, TABLE_USERS, &row))
        return TRUE;
    return work_settle(worker, add_to_balance(worker, &row));
}

/* Changes e-mail and the version's own column of a row, which must be settled later. */
static gboolean
change_profile(Worker *worker, Row *row)
{
    Params params = {0};

    params_number(&params, row->id);
    renew(worker, row, &params, FALSE);
    work_stage(worker, TABLE_USERS, row);
    return work_write(worker, STATEMENT_PROFILE, &params, 1);
}

gboolean
operation_profile(Worker *worker)
{
    Row row;

    if (!pick(worker, TABLE_USERS, &row))
        return TRUE;
    return work_settle(worker, change_profile(worker, &row));
}

/* A user nobody has seen before; its name is unique so that it is found again when its id is lost. */
static void
invent_user(Worker *worker, Row *row)
{
    char text[TEXT_SIZE];
    gint64 id = row->id;

    memset(row, 0, sizeof *row);
    row->id = id;
    row->exists = TRUE;
    g_snprintf(text, sizeof text, "new %s %d.%u", worker->run_name, worker->slot->number, worker->slot->serial++);
    row_set(row, USER_NAME, text);
    row_set_number(row, USER_BALANCE, work_random(worker, 1000));
}

gboolean
operation_add_user(Worker *worker)
{
    Row row = {0};
    Params params = {0};
    g_autoptr(PGresult) result = NULL;

    invent_user(worker, &row);
    params_text(&params, row.text[USER_NAME]);
    renew(worker, &row, &params, TRUE);
    result = session_run(&worker->session, STATEMENT_ADD_USER, &params);
    if (result == NULL) {
        if (worker->session.unknown)
            model_maybe(worker->slot, row.text[USER_NAME]);
        return FALSE;
    }
    row.id = g_ascii_strtoll(PQgetvalue(result, 0, 0), NULL, 10);
    work_stage(worker, TABLE_USERS, &row);
    return work_settle(worker, TRUE);
}

gboolean
operation_upsert(Worker *worker)
{
    Row row;
    Params params = {0};
    gboolean fresh = FALSE;

    if (!model_pick_preloaded(worker->model, worker->slot, worker->random, &row))
        return TRUE;
    fresh = !row.exists;
    if (fresh)
        invent_user(worker, &row);
    params_number(&params, row.id);
    params_text(&params, row.text[USER_NAME]);
    renew(worker, &row, &params, TRUE);
    if (!fresh)
        row_set_number(&row, USER_BALANCE, row_number(&row, USER_BALANCE) + 1);
    work_stage(worker, TABLE_USERS, &row);
    return work_settle(worker, work_write(worker, STATEMENT_UPSERT, &params, 1));
}

static gboolean
add_items(Worker *worker, Row *order)
{
    Params params = {0};
    int quantities = 0;

    params_number(&params, order->id);
    for (int n = 0; n < 2; n++) {
        char product[TEXT_SIZE];
        int quantity = 1 + work_random(worker, 9);
        g_snprintf(product, sizeof product, "product %d", work_random(worker, 500));
        params_text(&params, product);
        params_number(&params, quantity);
        quantities += quantity;
    }
    row_set_number(order, ORDER_ITEMS, 2);
    row_set_number(order, ORDER_QUANTITY, quantities);
    work_stage(worker, TABLE_ORDERS, order);
    return work_write(worker, STATEMENT_ADD_ITEMS, &params, 2);
}

gboolean
operation_add_order(Worker *worker)
{
    Row user, order = {0};
    Params params = {0};
    gboolean ok = TRUE;

    if (!pick(worker, TABLE_USERS, &user))
        return TRUE;
    order.exists = TRUE;
    row_set_number(&order, ORDER_USER, user.id);
    row_set(&order, ORDER_STATUS, "open");
    row_set_number(&order, ORDER_TOTAL, work_random(worker, 10000));
    for (int column = ORDER_USER; column <= ORDER_TOTAL; column++)
        params_text(&params, order.text[column]);
    ok = work_begin(worker);
    if (ok) {
        g_autoptr(PGresult) result = session_run(&worker->session, STATEMENT_ADD_ORDER, &params);
        ok = result != NULL;
        if (ok) {
            order.id = g_ascii_strtoll(PQgetvalue(result, 0, 0), NULL, 10);
            ok = add_items(worker, &order);
        }
    }
    return work_end(worker, ok && (work_random(worker, 2) == 0 || add_to_balance(worker, &user)));
}

/* Several own users in no particular order: where locks are taken in different orders, others can deadlock with it. */
gboolean
operation_many(Worker *worker)
{
    gboolean ok = work_begin(worker);
    gint64 seen[4] = {0};

    for (guint n = 0; ok && n < G_N_ELEMENTS(seen); n++) {
        Row row;
        gboolean twice = FALSE;
        if (!pick(worker, TABLE_USERS, &row))
            break;
        for (guint before = 0; before < n; before++)
            twice = twice || seen[before] == row.id;
        if (twice)
            continue;
        seen[n] = row.id;
        ok = work_random(worker, 2) == 0 ? add_to_balance(worker, &row) : change_profile(worker, &row);
    }
    return work_end(worker, ok);
}

gboolean
operation_savepoint(Worker *worker)
{
    Row kept, undone;
    gboolean ok = TRUE;

    if (!pick(worker, TABLE_USERS, &kept) || !pick(worker, TABLE_USERS, &undone) || kept.id == undone.id)
        return TRUE;
    ok = work_begin(worker) && add_to_balance(worker, &kept) && session_command(&worker->session, "SAVEPOINT here");
    if (ok) {
        guint staged = worker->changes->len;
        ok = change_profile(worker, &undone) && session_command(&worker->session, "ROLLBACK TO SAVEPOINT here");
        g_array_set_size(worker->changes, staged);
    }
    return work_end(worker, ok);
}

gboolean
operation_update_order(Worker *worker)
{
    static const char *const states[] = {"open", "paid", "sent", "returned"};
    Row row;
    Params params = {0};
    int difference = work_random(worker, 50);

    if (!pick(worker, TABLE_ORDERS, &row))
        return TRUE;
    row_set(&row, ORDER_STATUS, states[work_random(worker, G_N_ELEMENTS(states))]);
    row_set_number(&row, ORDER_TOTAL, row_number(&row, ORDER_TOTAL) + difference);
    params_number(&params, row.id);
    params_text(&params, row.text[ORDER_STATUS]);
    params_number(&params, difference);
    work_stage(worker, TABLE_ORDERS, &row);
    return work_settle(worker, work_write(worker, STATEMENT_UPDATE_ORDER, &params, 1));
}

gboolean
operation_delete_order(Worker *worker)
{
    Row row;
    Params params = {0};

    if (!pick(worker, TABLE_ORDERS, &row))
        return TRUE;
    row.exists = FALSE;
    params_number(&params, row.id);
    work_stage(worker, TABLE_ORDERS, &row);
    return work_settle(worker, work_write(worker, STATEMENT_DELETE_ORDER, &params, 1));
}

gboolean
operation_delete_user(Worker *worker)
{
    Row user;
    Params params = {0};
    g_autoptr(GArray) orders = NULL;

    if (!pick(worker, TABLE_USERS, &user))
        return TRUE;
    orders = model_orders_of(worker->model, worker->slot, user.id);
    for (guint n = 0; n < orders->len; n++) {
        Row order;
        model_row(worker->model, worker->slot, TABLE_ORDERS, g_array_index(orders, gint64, n), &order);
        order.exists = FALSE;
        work_stage(worker, TABLE_ORDERS, &order);
    }
    user.exists = FALSE;
    params_number(&params, user.id);
    work_stage(worker, TABLE_USERS, &user);
    return work_settle(worker, work_write(worker, STATEMENT_DELETE_USER, &params, 1));
}
