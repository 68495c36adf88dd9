/*
 * What we make is nobody's to use unless we say so: default privileges (ALTER DEFAULT PRIVILEGES) may have given others
 * rights on it, and PUBLIC may execute each function. Private to version/.
 */
#ifndef PGSEAM_VERSION_CLOSE_H
#define PGSEAM_VERSION_CLOSE_H

/* A statement that takes all rights on a table or view from everybody but its owner. The caller frees. */
char *close_relation_sql(const char *schema, const char *name);

/* The same for a function without arguments. */
char *close_function_sql(const char *schema, const char *name);

#endif
