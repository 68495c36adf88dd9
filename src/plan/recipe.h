/*
 * What recipes share: the shape of the schema as it will be, and how a recipe says no. Private to plan/.
 *
 * Law: a recipe first checks everything, then adds its steps; a recipe that returns FALSE with an error may have added
 * some, the planner takes them back.
 */
#ifndef PGSEAM_PLAN_RECIPE_H
#define PGSEAM_PLAN_RECIPE_H

#include "catalog/facts.h"
#include "plan/plan.h"
#include "sql/script.h"

#define N_PHASES 3

/* A table as the file sees it at this point: of the server, or made by an earlier statement of the file. */
typedef struct Target {
    const char *schema;
    const char *name;
    const FactTable *table;         /* NULL: made in this file */
    const CreateTableStmt *created; /* NULL: on the server */
} Target;

/* A column that the file adds or drops. */
typedef struct ColumnChange {
    const Target *target;
    const char *column;
    const ColumnDef *definition; /* NULL: dropped */
} ColumnChange;

typedef struct PlanContext {
    const Script *script;
    const Facts *facts;
    Plan *plan;
    const Stmt *stmt;             /* the one in hand */
    int offset;                   /* in the file, of what is in hand: for messages */
    GPtrArray *phases[N_PHASES];  /* Step */
    GPtrArray *targets;           /* Target, one for each table */
    GPtrArray *added;             /* ColumnChange */
    GPtrArray *dropped;           /* ColumnChange */
    GHashTable *index_names;      /* quoted qualified names that the file gives to indexes */
    GHashTable *dropped_indexes;  /* quoted qualified names */
    GHashTable *aspects;          /* "schema.table.column: default" -> place: what a statement of the file changes */
    GHashTable *constraint_names; /* quoted "schema.table.name" of constraints that the file adds */
    GHashTable *stmts;            /* Step -> its Stmt */
    GHashTable *kept;             /* set of Step: backfills of columns that a trigger keeps in step from then on */
    GPtrArray *generated;         /* Stmt that the planner has made itself */
    struct Objects *objects;      /* what the file does to views, functions ...: objects.h */
    GPtrArray *rewrites;          /* TableRewrite: recipe_rewrite.h */
    gboolean is_consented;        /* the recipe asked for consent, and had it */
} PlanContext;

/* The table a statement names, with what is true for every recipe checked: it exists, is an ordinary table without
 * children, and the role owns it. NULL with an error. Belongs to the context. */
const Target *context_target(PlanContext *ctx, const RelName *name, GError **error);

/* The same for recipes that know more: `kinds` are the pg_class.relkind that they can handle ("rp"). A table with
 * children or a partition passes if 'p' is among them. */
const Target *context_target_of(PlanContext *ctx, const RelName *name, const char *kinds, GError **error);

/* Declare that a step locks its target, and all that such a lock reaches. */
void context_lock(Step *step, const Target *target, LockMode mode, LockHold hold);

/* TRUE if an earlier statement of the file creates this table. */
gboolean context_is_created(const PlanContext *ctx, const char *schema, const char *name);
/* The same for a name as the file writes it. */
gboolean context_makes(const PlanContext *ctx, const RelName *name);

/* The schema that a name has, or in which it would be created; NULL without either. */
const char *context_schema_of(const PlanContext *ctx, const RelName *name);

/* TRUE if a relation of this name is on the server, or an earlier statement of the file gives the name. */
gboolean context_is_relation_taken(const PlanContext *ctx, const char *schema, const char *name);

/* Declare a table that the file creates. */
const Target *context_create(PlanContext *ctx, const char *schema, const CreateTableStmt *created);

/* TRUE if the table has the column after expand (facts and additions), whether it is dropped later or not. */
gboolean context_has_column(const PlanContext *ctx, const Target *target, const char *column);
const ColumnChange *context_added(const PlanContext *ctx, const Target *target, const char *column);
gboolean context_is_dropped(const PlanContext *ctx, const Target *target, const char *column);

/* Check that a statement may use the column: there and not dropped by an earlier statement of the file. */
gboolean context_check_column(PlanContext *ctx, const Target *target, const char *column, GError **error);

/* The same for all columns of an expression; a reference to the row itself (its table's name or alias) passes. */
gboolean context_check_expr(PlanContext *ctx, const Target *target, const Expr *expr, const char *alias,
                            GError **error);

/* Declare that the statement in hand changes one aspect of a column ("default", "NOT NULL"). The phases would turn the
 * order of two such statements round, and the second could not be planned from the facts: so there may be one in a
 * file. */
gboolean context_claim(PlanContext *ctx, const Target *target, const char *column, const char *aspect, GError **error);

/* The worst volatility in an expression: 'i', 's' or 'v'. */
char context_volatility(const PlanContext *ctx, const Expr *expr);

/* The phase in which something belongs that follows the backfills of its table in the file: contract if it is to, else
 * backfill where such a one stands before it, else expand. */
Phase context_phase_after(const PlanContext *ctx, const Target *target, gboolean is_contract);

/* The name of a constraint: its own, or what PostgreSQL would choose. Claims it; NULL with an error if it is taken. The
 * caller frees. */
char *context_constraint_name(PlanContext *ctx, const Target *target, const ConstraintDef *constraint, GError **error);

/* Declare that the file gives this name to a constraint of the table. */
void context_claim_constraint(PlanContext *ctx, const Target *target, const char *name);

/* Give a constraint that is made again the comment that it had. */
void context_append_comment(Step *step, const char *param, const Target *target, const FactConstraint *constraint);

/* TRUE if a constraint of the schema has the name, or one that this file adds to the table. */
gboolean context_is_constraint_taken(const PlanContext *ctx, const Target *target, const char *name);

/* A constraint of the table by name, inbound ones left out; NULL. */
const FactConstraint *context_constraint(const Target *target, const char *name);

/* The step that an earlier statement has planned for something of this table: its kind, and a parameter's value. */
Step *context_planned(const PlanContext *ctx, const Target *target, StepKind kind, const char *param,
                      const char *value);

/* Begin a step of the statement in hand and put it at the end of its phase. */
Step *context_step(PlanContext *ctx, Phase phase, StepKind kind, const Target *target);

/* A statement that the planner makes itself, as if it stood where the one in hand stands; the caller puts it in hand.
 * `text` is taken over. Belongs to the context; NULL with an error if it is not one statement. */
const Stmt *context_generate(PlanContext *ctx, char *text, GError **error);

/* Refuse: what, and the way out. Both printf-style in one go is rare enough: `hint` is plain text. */
void context_refuse(GError **error, const char *hint, const char *format, ...) G_GNUC_PRINTF(3, 4);
/* "X is not yet supported online", with the way out. */
void context_not_yet(GError **error, const char *hint, const char *what);

/*
 * Whether an UPDATE may be applied again to rows written behind the walk. If so, `ret_still` (freed by the caller) is a
 * further condition under which a row still needs it, or NULL.
 */
gboolean repeatable_decide(const PlanContext *ctx, const Target *target, const Stmt *stmt, char **ret_still);

/* Whether an ALTER TABLE may be planned for a table with partitions or children, or one that is one: its recipe and its
 * undo reach all of them alike. */
gboolean family_check(PlanContext *ctx, const Target *target, const AlterCmd *cmd, GError **error);

/* Refuse if an earlier statement of the file changes the table or its family: its columns, indexes or partitions would
 * not be those that the facts tell. */
gboolean family_check_unchanged(PlanContext *ctx, const FactTable *table, const char *what, GError **error);

/* Whether a row that the UPDATE has changed is not found by it again, and finding it again (since the application has
 * made it match) would set the same values: the weaker demand, of a walk that may meet a row twice. */
gboolean repeatable_excludes(const PlanContext *ctx, const Target *target, const Stmt *stmt);

/* What a bound of a partition of `parent` means, as a condition that ATTACH takes for a proof; NULL where it cannot be
 * said. The caller frees. */
char *bound_condition(const FactTable *parent, const PartitionBound *bound);

/* The other ends of a partitioned table's foreign keys, which ATTACH and DETACH lock: the tables that it references and
 * those that reference it. */
void recipe_partition_locks(Step *step, const FactTable *parent, LockMode referenced, LockMode referencing,
                            gboolean for_undo);

/* The recipes. */
gboolean recipe_attach(PlanContext *ctx, const Target *target, const AlterCmd *cmd, const char *sql, GError **error);
/* What a new table takes from its parents (INHERITS, PARTITION OF): their locks go to the step that creates it. */
gboolean recipe_inherit(PlanContext *ctx, const Target *target, Step *step, GError **error);
gboolean recipe_alter_inherit(PlanContext *ctx, const Target *target, const AlterCmd *cmd, const char *sql,
                              GError **error);
gboolean recipe_detach(PlanContext *ctx, const Target *target, const AlterCmd *cmd, const char *sql, GError **error);
gboolean recipe_alter_table(PlanContext *ctx, GError **error);
gboolean recipe_column_add(PlanContext *ctx, const Target *target, const AlterCmd *cmd, const char *sql,
                           GError **error);
gboolean recipe_column_drop(PlanContext *ctx, const Target *target, const AlterCmd *cmd, const char *sql,
                            GError **error);
gboolean recipe_default(PlanContext *ctx, const Target *target, const AlterCmd *cmd, const char *sql, GError **error);
gboolean recipe_set_not_null(PlanContext *ctx, const Target *target, const AlterCmd *cmd, const char *sql,
                             GError **error);
gboolean recipe_drop_not_null(PlanContext *ctx, const Target *target, const AlterCmd *cmd, const char *sql,
                              GError **error);
gboolean recipe_create_table(PlanContext *ctx, GError **error);
gboolean recipe_create_index(PlanContext *ctx, GError **error);
gboolean recipe_drop_index(PlanContext *ctx, GError **error);
/* The same for a partitioned table, partition by partition. The name is free and chosen. */
gboolean recipe_create_partitioned_index(PlanContext *ctx, const Target *target, const char *name, Phase phase,
                                         GError **error);
/* UNIQUE and PRIMARY KEY of a partitioned table; the columns of a primary key are NOT NULL by then. */
gboolean recipe_unique_partitioned(PlanContext *ctx, const Target *target, const ConstraintDef *constraint, Phase phase,
                                   const char *name, GError **error);
/* The same for a partitioned table that the file makes: nobody uses it yet. */
void recipe_create_index_of_new(PlanContext *ctx, const Target *target, const char *name, Phase phase);
void recipe_drop_partitioned_index(PlanContext *ctx, const Target *target, const char *name);
gboolean recipe_reindex(PlanContext *ctx, GError **error);
gboolean recipe_refresh(PlanContext *ctx, GError **error);
gboolean recipe_dml(PlanContext *ctx, GError **error);
gboolean recipe_insert(PlanContext *ctx, GError **error);
/* A change of rows that cannot be split and runs as one statement by consent; FALSE: it is none, or not of a table. */
gboolean recipe_dml_by_consent(PlanContext *ctx);
gboolean recipe_transaction(PlanContext *ctx, GError **error);
gboolean recipe_object(PlanContext *ctx, GError **error);
gboolean recipe_utility(PlanContext *ctx, GError **error);
gboolean recipe_none(PlanContext *ctx, GError **error);
gboolean recipe_opaque(PlanContext *ctx, GError **error);

/*
 * A constraint that a statement adds, in a table or inline in a column. `is_new_only`: the rows that the old
 * application writes cannot violate it. Named constraints keep their name, others get the one that PostgreSQL would
 * give.
 */
gboolean recipe_constraint(PlanContext *ctx, const Target *target, const ConstraintDef *constraint, GError **error);
gboolean recipe_foreign_key(PlanContext *ctx, const Target *target, const ConstraintDef *constraint, GError **error);
gboolean recipe_unique(PlanContext *ctx, const Target *target, const ConstraintDef *constraint, GError **error);
gboolean recipe_add_constraint(PlanContext *ctx, const Target *target, const AlterCmd *cmd, const char *sql,
                               GError **error);
gboolean recipe_validate_constraint(PlanContext *ctx, const Target *target, const AlterCmd *cmd, const char *sql,
                                    GError **error);
gboolean recipe_drop_constraint(PlanContext *ctx, const Target *target, const AlterCmd *cmd, const char *sql,
                                GError **error);
gboolean recipe_column_type(PlanContext *ctx, const Target *target, const AlterCmd *cmd, const char *sql,
                            GError **error);
gboolean recipe_alter_other(PlanContext *ctx, const Target *target, const AlterCmd *cmd, const char *sql,
                            GError **error);

/* The steps that forbid NULL in a column, in a phase; nothing if it is NOT NULL already. `sql` NULL: ALTER TABLE ...
 * SET NOT NULL is made here. */
gboolean recipe_not_null_in(PlanContext *ctx, const Target *target, const char *column, const char *sql, Phase phase,
                            GError **error);

/* An UPDATE that the planner makes itself, planned like one of the file. `text` is taken over. */
gboolean recipe_generated_update(PlanContext *ctx, char *text, GError **error);

/* Tell once for each table whose columns change. */
void context_note_prepared(PlanContext *ctx, const Target *target);

/* A slice of a statement's text without the constraints (ConstraintDef) of a list; empty if it is one itself. The
 * caller frees. */
char *context_without(const char *text, const Slice *element, const GPtrArray *split);

/* TRUE for serial, bigserial and their like. */
gboolean context_is_serial(const char *type_name);

/* After all statements: what waits for the contract phase must not be needed by a change of rows that the file has
 * behind it. ctx->offset then is that of the change. */
gboolean recipe_order(PlanContext *ctx, GError **error);

/* After all statements: repeatable backfills of tables with a contract are swept again before it. Refused where a later
 * statement changes what the sweep goes by; ctx->offset then is that statement. */
gboolean recipe_sweeps(PlanContext *ctx, GError **error);

#endif
