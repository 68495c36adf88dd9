/*
 * The SQL of one view of a version: a table as the new application sees it. Pure.
 *
 * A view with explicit columns over one table is updatable (manual, CREATE VIEW, "Updatable Views"): INSERT, UPDATE,
 * DELETE, ON CONFLICT, RETURNING and FOR UPDATE go through it. A column that an INSERT leaves out gets the default of
 * the view where that has one, else that of the table, its identity among them; but SET column = DEFAULT knows the
 * view's only (rewriteTargetListIU in src/backend/rewrite/rewriteHandler.c). A rename of the table or of its columns
 * leaves the view as it is.
 */
#ifndef PGSEAM_VERSION_VIEW_H
#define PGSEAM_VERSION_VIEW_H

#include <glib.h>

typedef struct ViewColumn {
    const char *name;        /* in the view */
    const char *base;        /* in the table */
    const char *type;        /* as the server prints it: for `has_no_default` */
    char *default_text;      /* SQL; NULL: none of its own, an INSERT gets that of the table */
    gboolean has_no_default; /* the table has one, and an INSERT through the view shall not get it */
    const char *comment;     /* NULL: none */
} ViewColumn;

typedef struct ViewGrant {
    const char *column;    /* in the view; NULL: the view itself */
    const char *grantee;   /* SQL */
    const char *privilege; /* SQL */
    gboolean is_grantable;
} ViewGrant;

typedef struct VersionView {
    char *schema; /* of the version */
    const char *name;
    const char *base_schema;
    const char *base_table;
    gboolean is_invoker; /* security_invoker, from 15 on: the table's privileges and policies are the caller's. Then
                          * the caller needs SELECT on every column that the view shows, whichever he reads. */
    const char *comment;
    GPtrArray *columns; /* ViewColumn */
    GPtrArray *grants;  /* ViewGrant */
} VersionView;

/* CREATE OR REPLACE VIEW: the same columns from elsewhere; all else stays. The caller frees. */
char *view_replace_sql(const VersionView *view);

/* CREATE VIEW, and what follows it: defaults, comments, grants; char *, in the order in which they run. What a view
 * cannot be granted is left out. The caller unrefs. */
GPtrArray *view_create_sql(const VersionView *view);

/* TRUE for a privilege that a view can have and that means something there. */
gboolean view_takes_privilege(const char *privilege);

#endif
