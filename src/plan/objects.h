/*
 * What the file does to views, functions, types, triggers ...: which it makes, drops and renames, and which of its
 * statements belong into one transaction. Private to plan/.
 *
 * Law: a statement about objects is a Piece. Pieces that the application must see together or not at all (DROP VIEW and
 * CREATE VIEW of the same name, and the GRANT after them) are one Group, which is one step; any other piece is a group
 * of its own. A group may grow until the file ends; its step is made anew each time.
 */
#ifndef PGSEAM_PLAN_OBJECTS_H
#define PGSEAM_PLAN_OBJECTS_H

#include "plan/recipe.h"

/* What the planner knows about a class of objects. */
typedef struct ObjectClass {
    const char *class;      /* as ObjectName has it */
    const char *keyword;    /* as DROP and COMMENT spell it */
    gboolean follows_rows;  /* it reads rows or changes what a write does: keeps its place behind a backfill */
    gboolean is_long;       /* making it reads whole tables */
    gboolean is_named_late; /* RENAME: the application knows its name */
} ObjectClass;

/* NULL for a class without a recipe. */
const ObjectClass *object_class(const char *class);

/* Statements of one kind about one object keep their order: one that would run earlier than another before it in the
 * file (GRANT after REVOKE) joins its transaction. */
typedef enum PieceKind { PIECE_OTHER, PIECE_ALTER, PIECE_PRIVILEGE } PieceKind;

typedef struct Piece {
    guint place; /* in the file, counted in pieces */
    const Stmt *stmt;
    char *sql;
    char *why;
    char *verify;        /* or NULL */
    Phase phase;         /* where it belongs if it stands alone */
    gboolean is_exact;   /* `undo` brings back exactly what was */
    gboolean is_cascade; /* a DROP with CASCADE */
    gboolean is_drop;    /* takes `old` away */
    gboolean is_long;
    const FactObject *old;    /* what it drops or changes; NULL: something new */
    const FactRelation *home; /* the relation that the step is shown with; NULL: none */
    Step *locks;              /* only its locks count */
    PieceKind kind;
    GPtrArray *subjects; /* FactObject: what it alters or grants on */
    GPtrArray *undo;     /* SQL, in the order in which it runs */
    char *renames;       /* the quoted name that a relation has before it, or NULL */
} Piece;

/* Begin a piece for the statement in hand; `sql` is taken over. It is no part of the plan before objects_place(). */
Piece *objects_piece(PlanContext *ctx, char *sql, Phase phase, const FactRelation *home);
void piece_free(gpointer piece);
/* Add SQL to the undo, taken over; all of a list. */
void piece_undo(Piece *piece, char *sql);
void piece_undo_all(Piece *piece, const GPtrArray *list);
/* Make `old` again, with its privileges; FALSE (and the undo not to be used) if nothing would do so exactly. */
gboolean piece_undo_create(Piece *piece, const FactObject *old);
/* Declare the lock that the row `statement` of the lock table says for `relation`; nothing if there is no row. */
void piece_lock(PlanContext *ctx, Piece *piece, const char *statement, const FactRelation *relation);
/* The same, with all partitions below. */
void piece_lock_family(PlanContext *ctx, Piece *piece, const char *statement, const FactObject *object);
/* ACCESS SHARE on what its query reads. */
void piece_lock_uses(PlanContext *ctx, Piece *piece, const GPtrArray *uses);

/* Put the piece into the plan: alone, or with the group of `partner` (a piece that is in the plan) and every group that
 * lies between the two. */
void objects_place(PlanContext *ctx, Piece *piece, Piece *partner);

/* The piece that dropped, renamed or moved the object; NULL if the file has not (yet). */
Piece *objects_dropped(const PlanContext *ctx, const FactObject *object);
Piece *objects_renamed(const PlanContext *ctx, const FactObject *object);
void objects_note_renamed(PlanContext *ctx, Piece *piece);

/* An object that the file makes, whatever word a statement uses for its class (GRANT ON TABLE of a view); NULL if it
 * makes none of that name. */
Piece *objects_made(const PlanContext *ctx, const ObjectName *name);
void objects_note_made(PlanContext *ctx, const ObjectName *name, Piece *piece);
/* TRUE if the group of the piece drops something and makes something: what comes after belongs to it. */
gboolean objects_is_remade(const PlanContext *ctx, const Piece *piece);

/* Descriptions (pg_describe_object()) of what the file drops, with all that goes along. */
void objects_note_gone(PlanContext *ctx, const char *what);
gboolean objects_is_gone(const PlanContext *ctx, const char *what);
gboolean objects_is_table_gone(const PlanContext *ctx, const char *schema, const char *name);

/* Words that mean something only after the contract phase: the new names of renames. The place that gives it; NULL. */
void objects_note_late(PlanContext *ctx, const char *word);
const char *objects_late_place(const PlanContext *ctx, const char *word);
/* The phase of the statement in hand: contract if its text has such a word; behind the backfill if it follows rows and
 * there is one; else expand. */
Phase objects_phase(const PlanContext *ctx, gboolean follows_rows);

/* The last step planned so far whose SQL has the word: what makes a thing that is not there yet. NULL if none has. */
const Step *objects_step_with(const PlanContext *ctx, const char *word);

/* The object that a statement names; NULL if there is none. `flags` as for fact_object_key(). */
const FactObject *objects_fact(const PlanContext *ctx, const ObjectName *name, guint flags);
/* The name that RENAME gives, as the catalog would be asked for it; NULL for parts that have no name of their own
 * there. The caller unrefs. */
GPtrArray *objects_renamed_names(const ObjectStmt *stmt, const ObjectName *name);
/* A name under which each way to write it is the same: class of names, schema, name; parameters apart in `ret_args`.
 * The caller frees both. */
char *object_key(const PlanContext *ctx, const ObjectName *name, char **ret_args);
/* Its last part as a word, for sql_mentions(): without schema and quotes. The caller frees. */
char *object_word(const ObjectName *name);
/* The name, for messages: as the file has it. The caller frees. */
char *object_shown(const ObjectName *name);
/* TRUE if the file makes it, or gives it this name, though the server does not know it: then IF EXISTS is no reason to
 * leave a statement out. */
gboolean objects_is_of_file(const PlanContext *ctx, const ObjectName *name);
/* Refuse what is not there: with the way out where an earlier line makes it, but only in the contract phase. */
void objects_refuse_missing(const PlanContext *ctx, const ObjectName *name, GError **error);
/* A new object's name as DROP takes it, qualified: shop.f(pg_catalog.int4), "audit ON shop.t". NULL with an error if
 * there is no schema to create it in. The caller frees. */
char *object_new_name(const PlanContext *ctx, const ObjectStmt *stmt, const ObjectName *name, GError **error);

/* The registry's memory; the planner makes and clears it. */
void objects_init(PlanContext *ctx);
void objects_clear(PlanContext *ctx);

/* CREATE INDEX on a relation that this file makes by a query: as it stands, nobody knows the relation yet. FALSE where
 * it is none. */
gboolean recipe_index_on_made(PlanContext *ctx);

/* The recipes of the verbs, one file for those that belong together. */
gboolean recipe_object_drop(PlanContext *ctx, GError **error);
gboolean recipe_object_rename(PlanContext *ctx, GError **error);
gboolean recipe_object_move(PlanContext *ctx, GError **error);
gboolean recipe_object_alter(PlanContext *ctx, GError **error);
gboolean recipe_object_comment(PlanContext *ctx, GError **error);
gboolean recipe_object_grant(PlanContext *ctx, GError **error);
gboolean recipe_object_truncate(PlanContext *ctx, GError **error);

#endif
