#include "orders_work.h"

#include <string.h>

static const char *const states[] = {"open", "paid", "sent", "done"};

static const char *
any_state(Clerk *clerk)
{
    return states[clerk_random(clerk, G_N_ELEMENTS(states))];
}

static Params
keyed(const Order *order)
{
    Params params = {0};

    params_text(&params, order->key);
    return params;
}

/* Compares a text that a client has read with the model. */
static void
check(Clerk *clerk, const Order *order, const char *column, const char *actual, const char *expected)
{
    if (!orders_ignores(clerk->model, column) && strcmp(actual, expected) != 0)
        stats_mismatch(clerk->session.stats, "%s read %s of order %s as '%s', should be '%s'", clerk->session.name,
                       column, order->key, actual, expected);
}

static void
check_number(Clerk *clerk, const Order *order, const char *column, const char *actual, gint64 expected)
{
    g_autofree char *text = g_strdup_printf("%" G_GINT64_FORMAT, expected);

    check(clerk, order, column, actual, text);
}

/* One row, or a mismatch is noted. */
static gboolean
is_one_row(Clerk *clerk, const Order *order, const PGresult *result)
{
    if (PQntuples(result) == 1)
        return TRUE;
    stats_mismatch(clerk->session.stats, "%s read %d rows of order %s instead of 1", clerk->session.name,
                   PQntuples(result), order->key);
    return FALSE;
}

gboolean
order_point(Clerk *clerk)
{
    const Order *order = clerk_pick(clerk, TRUE);
    g_autoptr(PGresult) result = NULL;
    Params params;

    if (order == NULL)
        return TRUE;
    params = keyed(order);
    result = session_run(&clerk->session, ORDER_POINT, &params);
    if (result != NULL && is_one_row(clerk, order, result)) {
        check_number(clerk, order, "code", PQgetvalue(result, 0, 0), order->code);
        check_number(clerk, order, "seat", PQgetvalue(result, 0, 1), order->seat);
        check_number(clerk, order, "amount", PQgetvalue(result, 0, 2), order->amount);
        check(clerk, order, "status", PQgetvalue(result, 0, 3), order->status);
        check(clerk, order, "note", PQgetvalue(result, 0, 4), order->note);
        check(clerk, order, "payload", PQgetvalue(result, 0, 5), order->payload);
    }
    return clerk_settle(clerk, result != NULL);
}

gboolean
order_view(Clerk *clerk)
{
    const Order *order = clerk_pick(clerk, TRUE);
    g_autoptr(PGresult) result = NULL;
    Params params;

    if (order == NULL)
        return TRUE;
    params = keyed(order);
    result = session_run(&clerk->session, ORDER_VIEW, &params);
    if (result != NULL && is_one_row(clerk, order, result)) {
        check_number(clerk, order, "code", PQgetvalue(result, 0, 0), order->code);
        check_number(clerk, order, "amount", PQgetvalue(result, 0, 1), order->amount);
        check(clerk, order, "status", PQgetvalue(result, 0, 2), order->status);
    }
    return clerk_settle(clerk, result != NULL);
}

gboolean
order_lines(Clerk *clerk)
{
    const Order *order = clerk_pick(clerk, TRUE);
    g_autoptr(PGresult) result = NULL;
    Params params;

    if (order == NULL)
        return TRUE;
    params = keyed(order);
    result = session_run(&clerk->session, ORDER_LINES, &params);
    if (result != NULL) {
        check_number(clerk, order, "lines", PQgetvalue(result, 0, 0), order->lines);
        check_number(clerk, order, "quantity", PQgetvalue(result, 0, 1), order->quantity);
    }
    return clerk_settle(clerk, result != NULL);
}

/* The update of plain columns, staged. */
static gboolean
change_plain(Clerk *clerk, Order *order)
{
    Order now = *order;
    Params params = keyed(order);

    g_strlcpy(now.status, any_state(clerk), sizeof now.status);
    now.amount++;
    params_text(&params, now.status);
    clerk_stage(clerk, order, &now);
    return clerk_write(clerk, ORDER_PLAIN, &params, 1);
}

gboolean
order_plain(Clerk *clerk)
{
    Order *order = clerk_pick(clerk, TRUE);

    return order == NULL || clerk_settle(clerk, change_plain(clerk, order));
}

gboolean
order_note(Clerk *clerk)
{
    Order *order = clerk_pick(clerk, TRUE);
    Order now;
    Params params;

    if (order == NULL)
        return TRUE;
    now = *order;
    params = keyed(order);
    g_snprintf(now.note, sizeof now.note, "note of %s at %d", clerk->session.name, clerk_random(clerk, 1000000));
    params_text(&params, now.note);
    clerk_stage(clerk, order, &now);
    return clerk_settle(clerk, clerk_write(clerk, ORDER_NOTE, &params, 1));
}

gboolean
order_payload(Clerk *clerk)
{
    Order *order = clerk_pick(clerk, TRUE);
    Order now;
    Params params;

    if (order == NULL)
        return TRUE;
    now = *order;
    params = keyed(order);
    params_number(&params, clerk_random(clerk, G_MAXINT));
    orders_digest(params.text[1], now.payload);
    clerk_stage(clerk, order, &now);
    return clerk_settle(clerk, clerk_write(clerk, ORDER_PAYLOAD, &params, 1));
}

/* Another key for the order: its lines, remarks and holds follow. Where case does not matter, sometimes the same key in
 * other letters. */
static gboolean
change_key(Clerk *clerk, Order *order)
{
    Order gone = *order;
    Order now = *order;
    Params params = keyed(order);

    if (strcmp(clerk->model->shape->name, "nocase") == 0 && g_str_has_prefix(order->key, "Key-")) {
        memcpy(now.key, "KEY-", 4);
        gone.is_spent = TRUE;
    } else {
        orders_new_key(clerk->model, now.key);
    }
    params_text(&params, now.key);
    gone.exists = FALSE;
    gone.lines = gone.quantity = gone.remarks = 0;
    gone.has_hold = FALSE;
    clerk_stage(clerk, order, &gone);
    clerk_stage(clerk, NULL, &now);
    return clerk_write(clerk, ORDER_REKEY, &params, 1);
}

gboolean
order_rekey(Clerk *clerk)
{
    Order *order = clerk_pick(clerk, TRUE);

    return order == NULL || clerk_settle(clerk, change_key(clerk, order));
}

/* A fresh order's values but its key, in the row and in the parameters. */
static void
fill(Clerk *clerk, Order *now, Params *params)
{
    char seed[16] = "";

    now->exists = TRUE;
    now->code = orders_new_code(clerk->model);
    now->seat = now->code;
    g_strlcpy(now->status, any_state(clerk), sizeof now->status);
    now->amount = clerk_random(clerk, 1000);
    now->note[0] = '\0';
    if (clerk_random(clerk, 5) == 0)
        g_snprintf(seed, sizeof seed, "%d", clerk_random(clerk, G_MAXINT));
    orders_digest(seed, now->payload);
    params_number(params, now->code);
    params_number(params, now->seat);
    params_text(params, now->status);
    params_number(params, now->amount);
    params_text(params, seed);
}

/* A new order, staged; its key is in *now. */
static gboolean
insert(Clerk *clerk, Order *now)
{
    Params params = {0};
    g_autoptr(PGresult) result = NULL;

    if (!clerk->model->shape->is_serial || clerk_random(clerk, 8) == 0) {
        orders_new_key(clerk->model, now->key);
        params_text(&params, now->key);
        fill(clerk, now, &params);
        clerk_stage(clerk, NULL, now);
        return clerk_write(clerk, ORDER_PUT, &params, 1);
    }
    fill(clerk, now, &params);
    clerk_stage(clerk, NULL, now);
    result = session_run(&clerk->session, ORDER_ADD, &params);
    if (result == NULL)
        return FALSE;
    g_strlcpy(now->key, PQgetvalue(result, 0, 0), sizeof now->key);
    g_array_index(clerk->changes, OrderChange, clerk->changes->len - 1).now = *now;
    return TRUE;
}

gboolean
order_add(Clerk *clerk)
{
    Order now = {0};

    return clerk_settle(clerk, insert(clerk, &now));
}

static gboolean
add_lines(Clerk *clerk, Order *now, int count)
{
    for (int n = 0; n < count; n++) {
        Params params = keyed(now);
        int quantity = 1 + clerk_random(clerk, 9);
        params_number(&params, quantity);
        if (!clerk_write(clerk, ORDER_LINE, &params, 1))
            return FALSE;
        now->lines++;
        now->quantity += quantity;
    }
    return TRUE;
}

/* An order with lines, remarks and sometimes a hold. With a key of its own the hold comes first: its foreign key is
 * deferred. */
gboolean
order_add_with_children(Clerk *clerk)
{
    Order now = {0};
    Params params;
    gboolean ok = clerk_begin(clerk) && insert(clerk, &now) && add_lines(clerk, &now, 1 + clerk_random(clerk, 3));

    if (ok && clerk_random(clerk, 2) == 0) {
        params = keyed(&now);
        params_text(&params, clerk->session.name);
        ok = clerk_write(clerk, ORDER_REMARK, &params, 1);
        now.remarks = 1;
    }
    if (ok && clerk_random(clerk, 2) == 0) {
        params = keyed(&now);
        ok = clerk_write(clerk, ORDER_HOLD, &params, 1);
        now.has_hold = TRUE;
    }
    if (ok)
        g_array_index(clerk->changes, OrderChange, 0).now = now;
    return clerk_end(clerk, ok);
}

/* The order goes, staged; the transaction is open. Its hold goes after it, which the deferred foreign key allows. */
static gboolean
remove_order(Clerk *clerk, Order *order)
{
    Order gone = *order;
    Params params = keyed(order);

    gone.exists = FALSE;
    gone.lines = gone.quantity = gone.remarks = 0;
    gone.has_hold = FALSE;
    clerk->orphans += order->remarks;
    clerk_stage(clerk, order, &gone);
    return clerk_write(clerk, ORDER_DELETE, &params, 1) &&
           (!order->has_hold || clerk_write(clerk, ORDER_UNHOLD, &params, 1));
}

gboolean
order_delete(Clerk *clerk)
{
    Order *order = clerk_pick(clerk, TRUE);

    if (order == NULL)
        return TRUE;
    if (!order->has_hold)
        return clerk_settle(clerk, remove_order(clerk, order));
    return clerk_end(clerk, clerk_begin(clerk) && remove_order(clerk, order));
}

/* A key that was there comes back with other values, staged. */
static gboolean
put_back(Clerk *clerk, Order *order, OrderStatement how)
{
    Order now = *order;
    Params params = keyed(order);

    now.lines = now.quantity = now.remarks = 0;
    now.has_hold = FALSE;
    fill(clerk, &now, &params);
    clerk_stage(clerk, order, &now);
    return clerk_write(clerk, how, &params, 1);
}

/* Deleted and inserted again with the same key: in one transaction, or one that was deleted before. */
gboolean
order_replace(Clerk *clerk)
{
    Order *order = clerk_random(clerk, 2) == 0 ? clerk_pick(clerk, FALSE) : NULL;

    if (order != NULL)
        return clerk_settle(clerk, put_back(clerk, order, ORDER_PUT));
    order = clerk_pick(clerk, TRUE);
    if (order == NULL || order->has_hold)
        return TRUE;
    return clerk_end(clerk, clerk_begin(clerk) && remove_order(clerk, order) && put_back(clerk, order, ORDER_PUT));
}

static gboolean
set_code(Clerk *clerk, const Order *order, gint64 code)
{
    Params params = keyed(order);

    params_number(&params, code);
    return clerk_write(clerk, ORDER_CODE, &params, 1);
}

/* Two rows, with nothing staged between. FALSE if there are none. */
static gboolean
pick_two(Clerk *clerk, Order **first, Order **second)
{
    *first = clerk_pick(clerk, TRUE);
    *second = clerk_pick(clerk, TRUE);
    return *first != NULL && *second != NULL && *first != *second;
}

/* A unique value each goes to the other row, by way of a third value. */
gboolean
order_swap_codes(Clerk *clerk)
{
    Order *first = NULL, *second = NULL;
    Order now[2];
    gboolean ok;

    if (!pick_two(clerk, &first, &second))
        return TRUE;
    ok = clerk_begin(clerk) && set_code(clerk, first, orders_new_code(clerk->model)) &&
         set_code(clerk, second, first->code) && set_code(clerk, first, second->code);
    now[0] = *first;
    now[1] = *second;
    now[0].code = second->code;
    now[1].code = first->code;
    clerk_stage(clerk, first, &now[0]);
    clerk_stage(clerk, second, &now[1]);
    return clerk_end(clerk, ok);
}

/* The same in one statement, which a deferrable constraint allows. */
gboolean
order_swap_seats(Clerk *clerk)
{
    Order *first = NULL, *second = NULL;
    Order now[2];
    Params params = {0};

    if (!pick_two(clerk, &first, &second))
        return TRUE;
    now[0] = *first;
    now[1] = *second;
    now[0].seat = second->seat;
    now[1].seat = first->seat;
    clerk_stage(clerk, first, &now[0]);
    clerk_stage(clerk, second, &now[1]);
    params_number(&params, first->seat);
    params_number(&params, second->seat);
    return clerk_settle(clerk, clerk_write(clerk, ORDER_SEATS, &params, 2));
}

/* A row that everybody updates. */
gboolean
order_hot(Clerk *clerk)
{
    HotRow *hot = NULL;
    Params params = {0};
    gboolean ok;

    if (clerk->model->n_hot == 0)
        return TRUE;
    hot = &clerk->model->hot[clerk_random(clerk, clerk->model->n_hot)];
    params_text(&params, hot->key);
    ok = clerk_write(clerk, ORDER_MORE, &params, 1);
    if (ok)
        g_atomic_int_inc(&hot->count);
    else if (clerk->session.unknown)
        g_atomic_int_inc(&hot->maybe);
    return clerk_settle(clerk, ok);
}

gboolean
order_upsert(Clerk *clerk)
{
    Order *order = clerk_pick(clerk, clerk_random(clerk, 3) > 0);
    Order now;
    Params params;

    if (order == NULL)
        return TRUE;
    if (!order->exists)
        return clerk_settle(clerk, put_back(clerk, order, ORDER_UPSERT));
    now = *order;
    params = keyed(order);
    fill(clerk, &now, &params);
    g_strlcpy(now.note, order->note, sizeof now.note);
    g_strlcpy(now.payload, order->payload, sizeof now.payload);
    now.code = order->code;
    now.seat = order->seat;
    now.amount = order->amount + 1;
    clerk_stage(clerk, order, &now);
    return clerk_settle(clerk, clerk_write(clerk, ORDER_UPSERT, &params, 1));
}

/* Three rows in one statement, then two more, in one transaction. */
gboolean
order_many(Clerk *clerk)
{
    Params params = {0};
    gboolean ok;

    while (clerk->changes->len < 3) {
        Order *order = clerk_pick(clerk, TRUE);
        Order now;
        if (order == NULL) {
            g_array_set_size(clerk->changes, 0);
            return TRUE;
        }
        now = *order;
        now.amount++;
        params_text(&params, order->key);
        clerk_stage(clerk, order, &now);
    }
    ok = clerk_begin(clerk) && clerk_write(clerk, ORDER_MANY, &params, 3);
    for (int n = 0; ok && n < 2; n++) {
        Order *order = clerk_pick(clerk, TRUE);
        ok = order == NULL || (n == 0 ? change_plain(clerk, order) : change_key(clerk, order));
    }
    return clerk_end(clerk, ok);
}

/* What comes after the savepoint did not happen; then one more change that did. */
gboolean
order_savepoint(Clerk *clerk)
{
    Order *kept = clerk_pick(clerk, TRUE);
    Order *spared = NULL;
    Order *last = NULL;
    Order unused = {0};
    guint staged;
    gboolean ok;

    if (kept == NULL)
        return TRUE;
    ok = clerk_begin(clerk) && change_plain(clerk, kept) && session_command(&clerk->session, "SAVEPOINT s");
    staged = clerk->changes->len;
    spared = clerk_pick(clerk, TRUE);
    if (ok && spared != NULL)
        ok = clerk_random(clerk, 2) == 0 ? remove_order(clerk, spared) : change_key(clerk, spared);
    ok = ok && insert(clerk, &unused) && session_command(&clerk->session, "ROLLBACK TO s");
    g_array_set_size(clerk->changes, staged);
    clerk->orphans = 0;
    last = clerk_pick(clerk, TRUE);
    if (ok && last != NULL)
        ok = change_plain(clerk, last);
    return clerk_end(clerk, ok);
}

gboolean
order_rollback(Clerk *clerk)
{
    Order *order = clerk_pick(clerk, TRUE);
    Order unused = {0};
    gboolean ok;

    if (order == NULL)
        return TRUE;
    ok = clerk_begin(clerk) && change_plain(clerk, order) && insert(clerk, &unused) &&
         session_command(&clerk->session, "ROLLBACK");
    clerk->session.unknown = FALSE;
    g_array_set_size(clerk->changes, 0);
    clerk->orphans = 0;
    return ok;
}
