/*
 * Subcommands of ALTER TABLE that change catalog rows only: as written, under the guard with the right lock, each with
 * what takes it back (research: lint-lock-peers.md, section 2.1). What would rewrite the table goes with a copy of it.
 */
#include <string.h>

#include "base/sqltext.h"
#include "plan/recipe_rewrite.h"

/* Appends what takes the subcommand back; FALSE: there is nothing that would. */
typedef gboolean (*UndoMaker)(Step *step, const Target *target, const AlterCmd *cmd);

static SqlArg
table_of(const Target *target)
{
    return sql_name(target->schema, target->name);
}

/* "n_distinct=5" -> 5 of `name`; NULL if it is not set. */
static const char *
option_of(const GPtrArray *options, const char *name)
{
    gsize length = strlen(name);

    for (guint i = 0; options != NULL && i < options->len; i++) {
        const char *option = g_ptr_array_index(options, i);

        if (g_ascii_strncasecmp(option, name, length) == 0 && option[length] == '=')
            return option + length + 1;
    }
    return NULL;
}

/* "toast.autovacuum_enabled" is two identifiers. */
static char *
option_name(const char *name)
{
    const char *dot = strchr(name, '.');
    g_autofree char *space = dot != NULL ? g_strndup(name, (gsize)(dot - name)) : NULL;

    return sql_quote_name(space, dot != NULL ? dot + 1 : name);
}

static gboolean
undo_statistics(Step *step, const Target *target, const AlterCmd *cmd)
{
    const FactColumn *column = facts_column(target->table, cmd->column);

    step_append(step, PARAM_UNDO,
                sql_build("ALTER TABLE ? ALTER COLUMN ? SET STATISTICS ?", table_of(target), sql_ident(cmd->column),
                          sql_int(column->statistics)));
    return TRUE;
}

static gboolean
undo_storage(Step *step, const Target *target, const AlterCmd *cmd)
{
    const FactColumn *column = facts_column(target->table, cmd->column);

    step_append(step, PARAM_UNDO,
                sql_build("ALTER TABLE ? ALTER COLUMN ? SET STORAGE ?", table_of(target), sql_ident(cmd->column),
                          sql_raw(column->storage)));
    return TRUE;
}

static gboolean
undo_compression(Step *step, const Target *target, const AlterCmd *cmd)
{
    const FactColumn *column = facts_column(target->table, cmd->column);

    step_append(step, PARAM_UNDO,
                sql_build("ALTER TABLE ? ALTER COLUMN ? SET COMPRESSION ?", table_of(target), sql_ident(cmd->column),
                          sql_raw(column->compression != NULL ? column->compression : "default")));
    return TRUE;
}

static gboolean
undo_column_options(Step *step, const Target *target, const AlterCmd *cmd)
{
    const FactColumn *column = facts_column(target->table, cmd->column);

    for (guint i = 0; i < cmd->names->len; i++) {
        const char *name = g_ptr_array_index(cmd->names, i);
        const char *old = option_of(column->options, name);
        g_autofree char *quoted = option_name(name);

        step_append(step, PARAM_UNDO,
                    old != NULL ? sql_build("ALTER TABLE ? ALTER COLUMN ? SET (? = ?)", table_of(target),
                                            sql_ident(cmd->column), sql_raw(quoted), sql_literal(old))
                                : sql_build("ALTER TABLE ? ALTER COLUMN ? RESET (?)", table_of(target),
                                            sql_ident(cmd->column), sql_raw(quoted)));
    }
    return TRUE;
}

static gboolean
undo_options(Step *step, const Target *target, const AlterCmd *cmd)
{
    for (guint i = 0; i < cmd->names->len; i++) {
        const char *name = g_ptr_array_index(cmd->names, i);
        const char *old = option_of(target->table->options, name);
        g_autofree char *quoted = option_name(name);

        step_append(step, PARAM_UNDO,
                    old != NULL
                        ? sql_build("ALTER TABLE ? SET (? = ?)", table_of(target), sql_raw(quoted), sql_literal(old))
                        : sql_build("ALTER TABLE ? RESET (?)", table_of(target), sql_raw(quoted)));
    }
    return TRUE;
}

static gboolean
undo_cluster(Step *step, const Target *target, const AlterCmd *cmd G_GNUC_UNUSED)
{
    for (guint i = 0; i < target->table->indexes->len; i++) {
        const FactIndex *index = g_ptr_array_index(target->table->indexes, i);

        if (index->is_clustered) {
            step_append(step, PARAM_UNDO,
                        sql_build("ALTER TABLE ? CLUSTER ON ?", table_of(target), sql_ident(index->name)));
            return TRUE;
        }
    }
    step_append(step, PARAM_UNDO, sql_build("ALTER TABLE ? SET WITHOUT CLUSTER", table_of(target)));
    return TRUE;
}

static gboolean
undo_replica_identity(Step *step, const Target *target, const AlterCmd *cmd G_GNUC_UNUSED)
{
    static const char words[] = "dDEFAULT nNOTHING fFULL ";
    const char *word = strchr(words, target->table->replica_identity);

    for (guint i = 0; i < target->table->indexes->len; i++) {
        const FactIndex *index = g_ptr_array_index(target->table->indexes, i);

        if (index->is_replica_identity) {
            step_append(
                step, PARAM_UNDO,
                sql_build("ALTER TABLE ? REPLICA IDENTITY USING INDEX ?", table_of(target), sql_ident(index->name)));
            return TRUE;
        }
    }
    if (word == NULL)
        return FALSE;
    {
        g_autofree char *spelled = g_strndup(word + 1, strcspn(word + 1, " "));

        step_append(step, PARAM_UNDO,
                    sql_build("ALTER TABLE ? REPLICA IDENTITY ?", table_of(target), sql_raw(spelled)));
    }
    return TRUE;
}

static gboolean
undo_row_security(Step *step, const Target *target, const AlterCmd *cmd G_GNUC_UNUSED)
{
    step_append(step, PARAM_UNDO,
                sql_build("ALTER TABLE ? ? ROW LEVEL SECURITY", table_of(target),
                          sql_raw(target->table->has_row_security ? "ENABLE" : "DISABLE")));
    step_append(step, PARAM_UNDO,
                sql_build("ALTER TABLE ? ? ROW LEVEL SECURITY", table_of(target),
                          sql_raw(target->table->forces_row_security ? "FORCE" : "NO FORCE")));
    return TRUE;
}

/* Every trigger that it can mean gets its old state back: one by name, or the user's own. */
static gboolean
undo_trigger(Step *step, const Target *target, const AlterCmd *cmd)
{
    static const struct {
        char state;
        const char *word;
    } states[] = {{'O', "ENABLE"}, {'D', "DISABLE"}, {'R', "ENABLE REPLICA"}, {'A', "ENABLE ALWAYS"}};

    for (guint i = 0; i < target->table->triggers->len; i++) {
        const char *name = g_ptr_array_index(target->table->triggers, i);
        const char *state = g_ptr_array_index(target->table->trigger_states, i);

        if (cmd->column != NULL && cmd->column[0] != '\0' && strcmp(cmd->column, name) != 0)
            continue;
        for (gsize k = 0; k < G_N_ELEMENTS(states); k++) {
            if (states[k].state == state[0])
                step_append(
                    step, PARAM_UNDO,
                    sql_build("ALTER TABLE ? ? TRIGGER ?", table_of(target), sql_raw(states[k].word), sql_ident(name)));
        }
    }
    return TRUE;
}

static gboolean
undo_owner(Step *step, const Target *target, const AlterCmd *cmd G_GNUC_UNUSED)
{
    step_append(step, PARAM_UNDO,
                sql_build("ALTER TABLE ? OWNER TO ?", table_of(target), sql_ident(target->table->owner)));
    return TRUE;
}

static gboolean
undo_add_identity(Step *step, const Target *target, const AlterCmd *cmd)
{
    step_append(step, PARAM_UNDO,
                sql_build("ALTER TABLE ? ALTER COLUMN ? DROP IDENTITY", table_of(target), sql_ident(cmd->column)));
    return TRUE;
}

static gboolean
undo_nothing(Step *step G_GNUC_UNUSED, const Target *target G_GNUC_UNUSED, const AlterCmd *cmd G_GNUC_UNUSED)
{
    return FALSE;
}

typedef struct OtherRow {
    const char *what;   /* AlterCmd.what */
    const char *aspect; /* of the table: two changes of one aspect must fall into one phase */
    LockMode mode;
    Phase phase;
    UndoMaker undo;     /* NULL: an online rewrite */
    gboolean of_column; /* it names a column of the table */
    const char *why;    /* of a rewrite: what it is */
} OtherRow;

static const char catalog_only[] = "only catalog rows change";
static const char old_application[] = "the old application may rely on how it was: waits behind the gate";
static const char final[] = "cannot be put back exactly: waits behind the gate";

/* Modes: AlterTableGetLockLevel in src/backend/commands/tablecmds.c; measured 12 to 18. */
static const OtherRow rows[] = {
    {"SET STATISTICS", "statistics target", LOCK_SHARE_UPDATE_EXCLUSIVE, PHASE_EXPAND, undo_statistics, TRUE,
     catalog_only},
    {"SET OPTIONS", "column options", LOCK_SHARE_UPDATE_EXCLUSIVE, PHASE_EXPAND, undo_column_options, TRUE,
     catalog_only},
    {"RESET OPTIONS", "column options", LOCK_SHARE_UPDATE_EXCLUSIVE, PHASE_EXPAND, undo_column_options, TRUE,
     catalog_only},
    {"SET STORAGE", "storage", LOCK_ACCESS_EXCLUSIVE, PHASE_EXPAND, undo_storage, TRUE, catalog_only},
    {"SET COMPRESSION", "compression", LOCK_ACCESS_EXCLUSIVE, PHASE_EXPAND, undo_compression, TRUE, catalog_only},
    {"SET REL OPTIONS", "storage parameters", LOCK_SHARE_UPDATE_EXCLUSIVE, PHASE_EXPAND, undo_options, FALSE,
     catalog_only},
    {"RESET REL OPTIONS", "storage parameters", LOCK_SHARE_UPDATE_EXCLUSIVE, PHASE_EXPAND, undo_options, FALSE,
     catalog_only},
    {"CLUSTER ON", "clustering", LOCK_SHARE_UPDATE_EXCLUSIVE, PHASE_EXPAND, undo_cluster, FALSE, catalog_only},
    {"DROP CLUSTER", "clustering", LOCK_SHARE_UPDATE_EXCLUSIVE, PHASE_EXPAND, undo_cluster, FALSE, catalog_only},
    {"REPLICA IDENTITY", "replica identity", LOCK_ACCESS_EXCLUSIVE, PHASE_EXPAND, undo_replica_identity, FALSE,
     catalog_only},
    {"ENABLE TRIG", "triggers", LOCK_SHARE_ROW_EXCLUSIVE, PHASE_EXPAND, undo_trigger, FALSE, catalog_only},
    {"ENABLE ALWAYS TRIG", "triggers", LOCK_SHARE_ROW_EXCLUSIVE, PHASE_EXPAND, undo_trigger, FALSE, catalog_only},
    {"ENABLE REPLICA TRIG", "triggers", LOCK_SHARE_ROW_EXCLUSIVE, PHASE_EXPAND, undo_trigger, FALSE, catalog_only},
    {"ENABLE TRIG USER", "triggers", LOCK_SHARE_ROW_EXCLUSIVE, PHASE_EXPAND, undo_trigger, FALSE, catalog_only},
    {"DISABLE TRIG", "triggers", LOCK_SHARE_ROW_EXCLUSIVE, PHASE_CONTRACT, undo_trigger, FALSE, old_application},
    {"DISABLE TRIG USER", "triggers", LOCK_SHARE_ROW_EXCLUSIVE, PHASE_CONTRACT, undo_trigger, FALSE, old_application},
    {"ENABLE ROW SECURITY", "row security", LOCK_ACCESS_EXCLUSIVE, PHASE_CONTRACT, undo_row_security, FALSE,
     old_application},
    {"DISABLE ROW SECURITY", "row security", LOCK_ACCESS_EXCLUSIVE, PHASE_CONTRACT, undo_row_security, FALSE,
     old_application},
    {"FORCE ROW SECURITY", "row security", LOCK_ACCESS_EXCLUSIVE, PHASE_CONTRACT, undo_row_security, FALSE,
     old_application},
    {"NO FORCE ROW SECURITY", "row security", LOCK_ACCESS_EXCLUSIVE, PHASE_CONTRACT, undo_row_security, FALSE,
     old_application},
    {"CHANGE OWNER", "owner", LOCK_ACCESS_EXCLUSIVE, PHASE_CONTRACT, undo_owner, FALSE, old_application},
    {"ADD IDENTITY", "identity", LOCK_ACCESS_EXCLUSIVE, PHASE_EXPAND, undo_add_identity, TRUE, catalog_only},
    {"SET IDENTITY", "identity", LOCK_ACCESS_EXCLUSIVE, PHASE_CONTRACT, undo_nothing, TRUE, final},
    {"DROP IDENTITY", "identity", LOCK_ACCESS_EXCLUSIVE, PHASE_CONTRACT, undo_nothing, TRUE, final},
    {"DROP EXPRESSION", "expression", LOCK_ACCESS_EXCLUSIVE, PHASE_CONTRACT, undo_nothing, TRUE, final},
    {"ALTER CONSTRAINT", "constraint", LOCK_ACCESS_EXCLUSIVE, PHASE_CONTRACT, undo_nothing, FALSE, final},
    {"SET LOGGED", "persistence", LOCK_ACCESS_EXCLUSIVE, PHASE_CONTRACT, NULL, FALSE, "SET LOGGED"},
    {"SET UN LOGGED", "persistence", LOCK_ACCESS_EXCLUSIVE, PHASE_CONTRACT, NULL, FALSE, "SET UNLOGGED"},
    {"SET TABLE SPACE", "tablespace", LOCK_ACCESS_EXCLUSIVE, PHASE_CONTRACT, NULL, FALSE, "SET TABLESPACE"},
    {"SET ACCESS METHOD", "access method", LOCK_ACCESS_EXCLUSIVE, PHASE_CONTRACT, NULL, FALSE, "SET ACCESS METHOD"},
    {"SET EXPRESSION", "expression", LOCK_ACCESS_EXCLUSIVE, PHASE_CONTRACT, NULL, TRUE, "SET EXPRESSION"},
};

static const OtherRow *
find_row(const AlterCmd *cmd)
{
    for (gsize i = 0; i < G_N_ELEMENTS(rows); i++) {
        if (strcmp(rows[i].what, cmd->what) == 0)
            return &rows[i];
    }
    return NULL;
}

/* Storage parameters whose lock is stronger: user_catalog_table (src/backend/access/common/reloptions.c). */
static LockMode
mode_of(const OtherRow *row, const AlterCmd *cmd)
{
    for (guint i = 0; i < cmd->names->len; i++) {
        if (g_ascii_strcasecmp(g_ptr_array_index(cmd->names, i), "user_catalog_table") == 0)
            return LOCK_ACCESS_EXCLUSIVE;
    }
    return row->mode;
}

/* A foreign key's other table is locked, too. */
static void
lock_partner(Step *step, const Target *target, const AlterCmd *cmd)
{
    const FactConstraint *constraint = context_constraint(target, cmd->column != NULL ? cmd->column : "");

    if (strcmp(cmd->what, "ALTER CONSTRAINT") == 0 && constraint != NULL && constraint->other_table != NULL)
        step_add_lock(step, constraint->other_schema, constraint->other_table, LOCK_ACCESS_EXCLUSIVE, HOLD_INSTANT,
                      constraint->other_is_owned);
}

/* Phases would turn the order of two changes of one thing round: DISABLE TRIGGER waits for the contract phase, ENABLE
 * TRIGGER behind it does not. */
static gboolean
claim_phase(PlanContext *ctx, const Target *target, const OtherRow *row, Phase phase, GError **error)
{
    g_autofree char *table = sql_quote_name(target->schema, target->name);
    const char *other = NULL;

    for (int i = 0; i < N_PHASES && other == NULL; i++) {
        g_autofree char *key = g_strdup_printf("%s: %s, %s", table, row->aspect, phase_name((Phase)i));

        if (i != (int)phase)
            other = g_hash_table_lookup(ctx->aspects, key);
    }
    if (other == NULL) {
        char *key = g_strdup_printf("%s: %s, %s", table, row->aspect, phase_name(phase));

        g_hash_table_insert(ctx->aspects, key, (gpointer)ctx->stmt->place);
        return TRUE;
    }
    context_refuse(error, "put the two into migrations of their own, in this order",
                   "%s changes the %s of table %s already, in another phase; the order could not be kept", other,
                   row->aspect, target->name);
    return FALSE;
}

/* PostgreSQL wants the column NOT NULL and without a default before: where the file sees to that in contract, the
 * identity follows there. */
static gboolean
identity_phase(PlanContext *ctx, const Target *target, const AlterCmd *cmd, Phase *ret_phase, GError **error)
{
    const FactColumn *column = facts_column(target->table, cmd->column);

    if (strcmp(cmd->what, "ADD IDENTITY") != 0)
        return TRUE;
    if (!column->is_not_null) {
        if (context_planned(ctx, target, STEP_CHECK_ADD_NOT_VALID, PARAM_COLUMN, cmd->column) == NULL) {
            context_refuse(error, "ALTER COLUMN ... SET NOT NULL before, in this same file",
                           "column \"%s\" must be NOT NULL before it can be an identity", cmd->column);
            return FALSE;
        }
        *ret_phase = PHASE_CONTRACT;
    }
    if (column->default_expr != NULL) {
        if (context_planned(ctx, target, STEP_COLUMN_DROP_DEFAULT, PARAM_COLUMN, cmd->column) == NULL) {
            context_refuse(error, "ALTER COLUMN ... DROP DEFAULT before, in this same file",
                           "column \"%s\" has a default: it cannot be an identity beside it", cmd->column);
            return FALSE;
        }
        *ret_phase = PHASE_CONTRACT;
    }
    return TRUE;
}

/* CLUSTER ON and REPLICA IDENTITY USING INDEX want an index that is there, and stays. */
static gboolean
check_index(PlanContext *ctx, const Target *target, const OtherRow *row, const AlterCmd *cmd, GError **error)
{
    const char *name = strcmp(row->what, "CLUSTER ON") == 0 ? cmd->column : cmd->other;
    const FactIndex *index;
    g_autofree char *qualified = NULL;

    if (strcmp(row->what, "CLUSTER ON") != 0 &&
        (strcmp(row->what, "REPLICA IDENTITY") != 0 || name == NULL || name[0] == '\0'))
        return TRUE;
    index = facts_index(target->table, name);
    qualified = sql_quote_name(target->schema, name);
    if (index != NULL && !g_hash_table_contains(ctx->dropped_indexes, qualified) &&
        (index->constraint == NULL ||
         context_planned(ctx, target, STEP_DDL_FINAL, PARAM_CONSTRAINT, index->constraint) == NULL))
        return TRUE;
    context_refuse(error, "put this statement into a migration of its own, after the one that makes the index",
                   "index \"%s\" is not there before the contract phase, or does not stay", name);
    return FALSE;
}

static void
add_on_created(PlanContext *ctx, const Target *target, const OtherRow *row, const char *sql)
{
    Step *step = context_step(ctx, PHASE_EXPAND, STEP_DDL_RUN, target);

    step->sql = g_strdup(sql);
    step->why = g_strdup("the table is made by this file: nobody else uses it yet");
    context_lock(step, target, row->mode, HOLD_INSTANT);
}

static gboolean
add_on_table(PlanContext *ctx, const Target *target, const OtherRow *row, const AlterCmd *cmd, const char *sql,
             GError **error)
{
    Phase phase = row->phase == PHASE_EXPAND ? context_phase_after(ctx, target, FALSE) : row->phase;
    Step *step;

    if (!check_index(ctx, target, row, cmd, error) || !identity_phase(ctx, target, cmd, &phase, error) ||
        !claim_phase(ctx, target, row, phase, error))
        return FALSE;
    step = context_step(ctx, phase, STEP_DDL_RUN, target);
    if (!row->undo(step, target, cmd)) {
        g_ptr_array_set_size(ctx->phases[phase], (gint)ctx->phases[phase]->len - 1);
        step = context_step(ctx, PHASE_CONTRACT, STEP_DDL_FINAL, target);
    }
    step->sql = g_strdup(sql);
    step->why = g_strdup(row->why);
    context_lock(step, target, mode_of(row, cmd), HOLD_INSTANT);
    lock_partner(step, target, cmd);
    return TRUE;
}

static gboolean
check_persistence(PlanContext *ctx, const Target *target, const AlterCmd *cmd, GError **error)
{
    gboolean is_logged = strcmp(cmd->what, "SET LOGGED") == 0;

    for (guint i = 0; i < target->table->constraints->len; i++) {
        const FactConstraint *constraint = g_ptr_array_index(target->table->constraints, i);

        if (constraint->kind != 'f' || constraint->other_table == NULL || constraint->is_inbound == is_logged ||
            constraint->other_persistence != (is_logged ? 'u' : 'p'))
            continue;
        context_refuse(error, "change the other table first",
                       is_logged ? "it references table %s.%s, which is unlogged: PostgreSQL does not allow that"
                                 : "table %s.%s, which is logged, references it: PostgreSQL does not allow that",
                       constraint->other_schema, constraint->other_table);
        return FALSE;
    }
    if (!is_logged)
        plan_note(ctx->plan,
                  "%s: the rows of an unlogged table are gone after a crash of the server, and no standby has them",
                  ctx->stmt->place);
    return TRUE;
}

/* What writes the whole table anew goes with a copy of it. */
static gboolean
rewrite_other(PlanContext *ctx, const Target *target, const OtherRow *row, const AlterCmd *cmd, GError **error)
{
    gboolean is_persistence = strcmp(cmd->what, "SET LOGGED") == 0 || strcmp(cmd->what, "SET UN LOGGED") == 0;
    TableRewrite *rewrite;
    RewritePart *part;

    if (row->of_column && !context_check_column(ctx, target, cmd->column, error))
        return FALSE;
    if (is_persistence && (target->table->persistence == 'u') != (strcmp(cmd->what, "SET LOGGED") == 0)) {
        plan_note(ctx->plan, "%s: table %s is %s already, nothing to do", ctx->stmt->place, target->name,
                  target->table->persistence == 'u' ? "unlogged" : "logged");
        return TRUE;
    }
    rewrite = rewrite_plan(ctx, target, error);
    if (rewrite == NULL || (is_persistence && !check_persistence(ctx, target, cmd, error)) ||
        !context_claim(ctx, target, row->of_column ? cmd->column : "", row->aspect, error))
        return FALSE;
    part = rewrite_add(ctx, rewrite, REWRITE_TABLE, PARAM_ALTER, cmd->text);
    part->reason = g_strdup_printf("%s writes every row anew under ACCESS EXCLUSIVE", row->why);
    return TRUE;
}

gboolean
recipe_alter_other(PlanContext *ctx, const Target *target, const AlterCmd *cmd, const char *sql, GError **error)
{
    const OtherRow *row = find_row(cmd);
    g_autofree char *what = g_strconcat("ALTER TABLE ... ", cmd->what, NULL);

    if (row == NULL) {
        context_not_yet(
            error, "see `pgseam plan --help` for what is; -- pgseam: allow opaque because ... runs it as it stands",
            what);
        return FALSE;
    }
    if (target->table == NULL) {
        add_on_created(ctx, target, row, sql);
        return TRUE;
    }
    if (row->undo == NULL)
        return rewrite_other(ctx, target, row, cmd, error);
    if (row->of_column && !context_check_column(ctx, target, cmd->column, error))
        return FALSE;
    if (row->of_column && facts_column(target->table, cmd->column) == NULL) {
        context_refuse(error, "write it into the ADD COLUMN, or into a migration of its own",
                       "column \"%s\" is added in this same file", cmd->column);
        return FALSE;
    }
    return add_on_table(ctx, target, row, cmd, sql, error);
}
