/*
 * Pieces of SQL, and the bodies of the functions, of a move. Private to version/.
 */
#ifndef PGSEAM_VERSION_MOVE_BODY_H
#define PGSEAM_VERSION_MOVE_BODY_H

#include "version/move.h"

typedef enum MovePart { MOVE_KEY, MOVE_REST, MOVE_ALL } MovePart;

/* A list of columns, quoted, in the order of the new table: t."id", t."street"; `row` NULL: bare names. The caller
 * frees. */
char *move_list(const Move *move, MovePart part, const char *row, gboolean is_new);
/* Both rows have the same key: SQL. The caller frees. */
char *move_same_key(const Move *move, const char *left, gboolean left_is_new, const char *right, gboolean right_is_new);
/* Is anything of what moves not NULL? The caller frees. */
char *move_is_filled(const Move *move, const char *row, gboolean is_new);

/* The bodies, plpgsql; the caller frees. */
char *move_body_keep(const Move *move);   /* of the source's row triggers */
char *move_body_empty(const Move *move);  /* ... and of TRUNCATE */
char *move_body_guard(const Move *move);  /* of the new table's trigger */
char *move_body_state(const Move *move);  /* of a function: is there a row of this key, and does it have what moves? */
char *move_body_insert(const Move *move); /* of the view's triggers */
char *move_body_delete(const Move *move);
/* A block that gives the view the new table's privileges. */
char *move_body_grants(const Move *move);

#endif
