/*
 * What the files about objects share. Private to sql/.
 */
#ifndef PGSEAM_SQL_TREE_OBJECT_H
#define PGSEAM_SQL_TREE_OBJECT_H

#include "sql/tree.h"

/* How pg_get_object_address() names the class, and of how many words it is in DROP; NULL for what is not of a database
 * or has no recipe. */
const char *tree_object_class(PgQuery__ObjectType type, guint *ret_words);

/* A name from the several forms in which the tree has it. NULL where only the server could tell (%TYPE). */
ObjectName *tree_object_new(const char *class);
ObjectName *tree_object_of_node(PgQuery__ObjectType type, const PgQuery__Node *node);
ObjectName *tree_object_of_list(const char *class, size_t n, PgQuery__Node *const *parts);
ObjectName *tree_object_of_type(const char *class, size_t n, PgQuery__Node *const *parts);
ObjectName *tree_object_of_var(const char *class, const PgQuery__RangeVar *var);
ObjectName *tree_object_part(const char *class, const PgQuery__RangeVar *var, const char *part);

/* A type as SQL, without a length; NULL for %TYPE. */
char *tree_type_text(const PgQuery__TypeName *type);

/* Add each relation that stands anywhere below the node (names of WITH queries among them). */
void tree_object_uses(GPtrArray *uses, const PgQuery__Node *node);

/* The table of OWNED BY among the options of a sequence: it is locked. */
void tree_object_owning_table(ObjectStmt *object, size_t n, PgQuery__Node *const *options);

/* Begin a statement about objects. */
ObjectStmt *tree_object_begin(Stmt *stmt, ObjectVerb verb, const char *class);
/* The same with one name; FALSE (and STMT_OTHER) where the name could not be read. */
gboolean tree_object_one(Stmt *stmt, ObjectVerb verb, ObjectName *name);

/* CREATE; everything else; and what is not about objects. FALSE if the node is none of theirs. */
gboolean tree_create_object(Stmt *stmt, const PgQuery__Node *node);
gboolean tree_change_object(Stmt *stmt, const PgQuery__Node *node, const Tokens *tokens);
gboolean tree_utility(Stmt *stmt, const PgQuery__Node *node);

#endif
