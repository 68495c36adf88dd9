#include "orders_work.h"

/* Old clients read the key as it is, so its type is part of what they prepare; new ones read its text. */
static const struct {
    const char *name;
    const char *old;
    const char *new; /* NULL: the same */
} templates[ORDER_STATEMENTS] = {
    [ORDER_POINT] = {"point", "SELECT code, seat, amount, status, note, md5(payload), @K FROM orders WHERE @W1",
                     "SELECT code, seat, amount, status, note, md5(payload), @T FROM orders WHERE @W1"},
    [ORDER_VIEW] = {"view", "SELECT code, amount, status, @K FROM order_view WHERE @W1",
                    "SELECT code, amount, status, @T FROM order_view WHERE @W1"},
    [ORDER_LINES] = {"lines", "SELECT count(*), coalesce(sum(quantity), 0) FROM order_lines WHERE @C1", NULL},
    [ORDER_PLAIN] = {"plain", "UPDATE orders SET status = $2, amount = amount + 1 WHERE @W1", NULL},
    [ORDER_NOTE] = {"note", "UPDATE orders SET note = $2 WHERE @W1", NULL},
    [ORDER_PAYLOAD] = {"payload", "UPDATE orders SET payload = repeat(md5($2::text), 90) WHERE @W1", NULL},
    [ORDER_REKEY] = {"rekey", "UPDATE orders SET @S2 WHERE @W1", NULL},
    [ORDER_ADD] = {"add",
                   "INSERT INTO orders (code, seat, status, amount, payload)"
                   " VALUES ($1, $2, $3, $4, repeat(md5(nullif($5::text, '')), 90)) RETURNING @K",
                   "INSERT INTO orders (code, seat, status, amount, payload)"
                   " VALUES ($1, $2, $3, $4, repeat(md5(nullif($5::text, '')), 90)) RETURNING @T"},
    [ORDER_PUT] = {"put",
                   "INSERT INTO orders (@K, code, seat, status, amount, payload)"
                   " VALUES (@V1, $2, $3, $4, $5, repeat(md5(nullif($6::text, '')), 90))",
                   NULL},
    [ORDER_UPSERT] = {"upsert",
                      "INSERT INTO orders (@K, code, seat, status, amount, payload)"
                      " VALUES (@V1, $2, $3, $4, $5, repeat(md5(nullif($6::text, '')), 90))"
                      " ON CONFLICT (@K) DO UPDATE SET status = EXCLUDED.status, amount = orders.amount + 1",
                      NULL},
    [ORDER_DELETE] = {"delete", "DELETE FROM orders WHERE @W1", NULL},
    [ORDER_CODE] = {"code", "UPDATE orders SET code = $2 WHERE @W1", NULL},
    [ORDER_SEATS] = {"seats",
                     "UPDATE orders SET seat = CASE seat WHEN $1::bigint THEN $2::bigint ELSE $1::bigint END"
                     " WHERE seat IN ($1::bigint, $2::bigint)",
                     NULL},
    [ORDER_MORE] = {"more", "UPDATE orders SET amount = amount + 1 WHERE @W1", NULL},
    [ORDER_MANY] = {"many", "UPDATE orders SET amount = amount + 1 WHERE @W1 OR @W2 OR @W3", NULL},
    [ORDER_LINE] = {"line", "INSERT INTO order_lines (@F, quantity) VALUES (@V1, $2)", NULL},
    [ORDER_REMARK] = {"remark", "INSERT INTO order_remarks (@F, body) VALUES (@V1, $2)", NULL},
    [ORDER_HOLD] = {"hold", "INSERT INTO order_holds (@F) VALUES (@V1)", NULL},
    [ORDER_UNHOLD] = {"unhold", "DELETE FROM order_holds WHERE @C1", NULL},
};

void
orders_statements(const OrderShape *shape, Statement *statements)
{
    for (int id = 0; id < ORDER_STATEMENTS; id++) {
        statements[id].name = templates[id].name;
        statements[id].sql[VERSION_OLD] = orders_sql(shape, templates[id].old);
        statements[id].sql[VERSION_NEW] = templates[id].new != NULL ? orders_sql(shape, templates[id].new) : NULL;
    }
}

void
orders_statements_free(Statement *statements)
{
    for (int id = 0; id < ORDER_STATEMENTS; id++)
        for (int version = 0; version < VERSIONS; version++)
            g_free((char *)statements[id].sql[version]);
}
