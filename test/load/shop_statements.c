#include "work.h"

/* What the two versions of the application say. */
const Statement shop_statements[STATEMENTS] = {
    [STATEMENT_POINT] = {"point",
                         {"SELECT id, name, email, balance, old_column FROM users WHERE id = $1",
                          "SELECT id, name, email, balance, age FROM users WHERE id = $1"}},
    [STATEMENT_JOIN] = {"join",
                        {"SELECT u.name, o.id, o.status, i.product, i.quantity FROM users u"
                         " JOIN orders o ON o.user_id = u.id JOIN order_items i ON i.order_id = o.id WHERE u.id = $1"}},
    [STATEMENT_ORDER] = {"order", {"SELECT id, user_id, status, total FROM orders WHERE id = $1"}},
    [STATEMENT_BALANCE] = {"balance", {"UPDATE users SET balance = balance + $2 WHERE id = $1"}},
    [STATEMENT_PROFILE] = {"profile",
                           {"UPDATE users SET email = $2, old_column = $3 WHERE id = $1",
                            "UPDATE users SET email = $2, age = $3 WHERE id = $1"}},
    [STATEMENT_ADD_USER] =
        {"add_user",
         {"INSERT INTO users (name, email, balance, old_column) VALUES ($1, $2, $3, $4) RETURNING id",
          "INSERT INTO users (name, email, balance, age) VALUES ($1, $2, $3, $4) RETURNING id"}},
    [STATEMENT_UPSERT] = {"upsert",
                          {"INSERT INTO users (id, name, email, balance, old_column) VALUES ($1, $2, $3, $4, $5)"
                           " ON CONFLICT (id) DO UPDATE SET email = EXCLUDED.email, balance = users.balance + 1,"
                           " old_column = EXCLUDED.old_column",
                           "INSERT INTO users (id, name, email, balance, age) VALUES ($1, $2, $3, $4, $5)"
                           " ON CONFLICT (id) DO UPDATE SET email = EXCLUDED.email, balance = users.balance + 1,"
                           " age = EXCLUDED.age"}},
    [STATEMENT_ADD_ORDER] = {"add_order",
                             {"INSERT INTO orders (user_id, status, total) VALUES ($1, $2, $3) RETURNING id"}},
    [STATEMENT_ADD_ITEMS] =
        {"add_items", {"INSERT INTO order_items (order_id, product, quantity) VALUES ($1, $2, $3), ($1, $4, $5)"}},
    [STATEMENT_UPDATE_ORDER] = {"update_order", {"UPDATE orders SET status = $2, total = total + $3 WHERE id = $1"}},
    [STATEMENT_DELETE_ORDER] = {"delete_order", {"DELETE FROM orders WHERE id = $1"}},
    [STATEMENT_DELETE_USER] = {"delete_user", {"DELETE FROM users WHERE id = $1"}},
};
