/* The shop: three tables whose preloaded rows are a function of their id, so that any row can be checked later. */
#ifndef LOAD_SHOP_H
#define LOAD_SHOP_H

#include <glib.h>
#include <libpq-fe.h>

#define LOAD_ERROR  (g_quark_from_static_string("pgseam-load"))
#define MAX_COLUMNS 5
#define TEXT_SIZE   64
#define NULL_TEXT   "(null)"

typedef enum { TABLE_USERS, TABLE_ORDERS, TABLES } TableId;
enum { USER_NAME, USER_EMAIL, USER_BALANCE, USER_OLD, USER_AGE };
enum { ORDER_USER, ORDER_STATUS, ORDER_TOTAL, ORDER_ITEMS, ORDER_QUANTITY };

/* A row as the application sees it. Bit n of `known` says that column n has a value that can be compared. */
typedef struct {
    gint64 id;
    gboolean exists;
    guint known;
    char text[MAX_COLUMNS][TEXT_SIZE];
} Row;

/* How the shop was filled; it is also written into every preloaded e-mail address, so a later run can find it again. */
typedef struct {
    gint64 users;
    gint64 orders_per_user;
    gint64 items_per_order;
} Shop;

/* Name of a table. */
const char *shop_table(TableId table);

/* Names of a table's columns, NULL at the end. Those of added order items are aggregates, not columns. */
const char *const *shop_columns(TableId table);

/* Number of preloaded rows of a table: ids 1 to this. */
gint64 shop_preloaded(const Shop *shop, TableId table);

/* Fills in what the preloaded row `id` of `table` was at the beginning. */
void shop_row(const Shop *shop, TableId table, gint64 id, Row *row);

/* Sets a column of a row to a text, or to a number. */
void row_set(Row *row, int column, const char *text);
void row_set_number(Row *row, int column, gint64 number);

/* A column of a row as a number. */
gint64 row_number(const Row *row, int column);

/* SQL expression for the preloaded value of a column, in terms of `id`; NULL for columns that were not preloaded. */
char *shop_expression(const Shop *shop, TableId table, int column);

/* Creates the tables and fills them. */
gboolean shop_create(PGconn *conn, const Shop *shop, GError **error);

/* Finds out how the shop in the database was filled. */
gboolean shop_detect(PGconn *conn, Shop *shop, GError **error);

/* Connects with an application_name; `conninfo` may be NULL. */
PGconn *shop_connect(const char *conninfo, const char *name, GError **error);

/* Runs one statement or several and returns the last result, NULL on failure. */
PGresult *shop_query(PGconn *conn, const char *sql, GError **error);

G_DEFINE_AUTOPTR_CLEANUP_FUNC(PGconn, PQfinish)
G_DEFINE_AUTOPTR_CLEANUP_FUNC(PGresult, PQclear)

#endif
