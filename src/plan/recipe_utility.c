/*
 * Statements that change no schema: settings, locks, ANALYZE, and what cannot be looked into.
 */
#include <string.h>

#include "base/sqltext.h"
#include "plan/objects.h"

/* Settings by name: left out, as pgseam sets its own or they say nothing to it; anything else is refused. */
static const struct {
    const char *setting;
    const char *only; /* the value for which that is so; NULL: any */
    const char *why;
} left_out[] = {
    {"lock_timeout", NULL, "pgseam bounds each lock by its own budget: --lock-budget"},
    {"statement_timeout", NULL, "pgseam bounds what the application can feel, and lets the rest take its time"},
    {"idle_in_transaction_session_timeout", NULL, "pgseam sets its own"},
    {"idle_session_timeout", NULL, "pgseam's sessions are never idle for long"},
    {"transaction_timeout", NULL, "pgseam sets its own"},
    {"deadlock_timeout", NULL, "pgseam knows how to wait"},
    {"client_encoding", "'UTF8'", "pgseam speaks UTF-8"},
    {"client_encoding", "'utf8'", "pgseam speaks UTF-8"},
    {"client_encoding", "'UTF-8'", "pgseam speaks UTF-8"},
    {"names", "'UTF8'", "pgseam speaks UTF-8"},
    {"client_min_messages", NULL, "it only concerns what is printed"},
    {"standard_conforming_strings", "'on'", "pgseam reads the file so"},
    {"standard_conforming_strings", "true", "pgseam reads the file so"},
    {"xmloption", NULL, "it only concerns how XML is read"},
    {"row_security", NULL, "it only concerns dumps"},
    {"application_name", NULL, "pgseam names its sessions after the step"},
    {"default_tablespace", "''", "it is the default"},
    {"default_table_access_method", "'heap'", "it is the default"},
    {"default_with_oids", NULL, "tables have no oids"},
    {"check_function_bodies", NULL, "each function is created as it would be without, and checked"},
    {"maintenance_work_mem", NULL, "set it for the role: ALTER ROLE ... SET maintenance_work_mem"},
    {"synchronous_commit", NULL, "pgseam sets its own where locks are held"},
};

static gboolean
refuse_setting(PlanContext *ctx, const UtilityStmt *utility, GError **error)
{
    if (strcmp(utility->setting, "search_path") == 0)
        context_refuse(
            error,
            "write the schemas in front of the names; or set it for the role: PGOPTIONS=-csearch_path=..., ALTER "
            "ROLE ... SET search_path",
            "the names of this file would mean something else after SET search_path");
    else if (strcmp(utility->setting, "role") == 0 || strcmp(utility->setting, "session_authorization") == 0)
        context_refuse(error, "connect as that role", "the file would go on as another role");
    else
        context_refuse(error, "leave it out, or set it for the role: ALTER ROLE ... SET",
                       "pgseam's steps run in sessions of their own, where %s would not hold", utility->setting);
    return FALSE;
}

static gboolean
recipe_set(PlanContext *ctx, GError **error)
{
    const UtilityStmt *utility = &ctx->stmt->utility;

    /* RESET ALL and the like. */
    if (utility->setting == NULL || utility->setting[0] == '\0') {
        plan_note(ctx->plan, "%s: %s is left out: each step has a session of its own", ctx->stmt->place,
                  ctx->stmt->what);
        return TRUE;
    }
    for (gsize i = 0; i < G_N_ELEMENTS(left_out); i++) {
        if (strcmp(left_out[i].setting, utility->setting) != 0 ||
            (left_out[i].only != NULL && utility->value != NULL && strcmp(left_out[i].only, utility->value) != 0))
            continue;
        plan_note(ctx->plan, "%s: the setting of %s is left out: %s", ctx->stmt->place, utility->setting,
                  left_out[i].why);
        return TRUE;
    }
    return refuse_setting(ctx, utility, error);
}

static gboolean
recipe_analyze(PlanContext *ctx, GError **error)
{
    const UtilityStmt *utility = &ctx->stmt->utility;
    const FactObject *first = utility->uses->len > 0 ? objects_fact(ctx, g_ptr_array_index(utility->uses, 0), 0) : NULL;
    Piece *piece;

    if (utility->uses->len == 0) {
        context_refuse(error, "name the tables that this file changes",
                       "ANALYZE of the whole database is no part of a migration");
        return FALSE;
    }
    piece = objects_piece(ctx, g_strdup(ctx->stmt->text), objects_phase(ctx, TRUE),
                          first != NULL ? &first->relation : NULL);
    piece->is_long = TRUE;
    piece->why = g_strdup("blocks neither reads nor writes");
    for (guint i = 0; i < utility->uses->len; i++) {
        const FactObject *table = objects_fact(ctx, g_ptr_array_index(utility->uses, i), 0);

        if (table != NULL)
            piece_lock_family(ctx, piece, "ANALYZE", table);
    }
    objects_place(ctx, piece, NULL);
    return TRUE;
}

static gboolean
recipe_lock(PlanContext *ctx, GError **error)
{
    plan_note(ctx->plan, "%s: LOCK TABLE is left out: each step takes the locks it needs, and no longer",
              ctx->stmt->place);
    return TRUE;
}

/* What is refused, with the reason and the way out. `may_consent`: a consent runs it as it stands. */
static const struct {
    UtilityKind kind;
    const char *reason;
    const char *hint;
} refused[] = {
    {UTILITY_VACUUM,
     "VACUUM and CLUSTER change no schema, and cannot run in a transaction or rewrite under ACCESS EXCLUSIVE",
     "leave it out: autovacuum comes by itself, and `pgseam repack` does online what VACUUM FULL and CLUSTER do"},
    {UTILITY_SESSION, "this has an effect only on the session that runs it, or none",
     "leave it out: each step has a session of its own"},
    {UTILITY_CODE, "nobody knows from its text what it does to which tables",
     "-- pgseam: allow opaque because ... runs it as it stands, alone, under the lock budget"},
    {UTILITY_CLUSTER,
     "this is about the whole server, not about this database: other databases share it, and rollback cannot "
     "take it back",
     "run it by hand before the migration"},
    {UTILITY_ALONE, "subscriptions reach other servers, and cannot be made in a transaction", "run it by hand"},
    {UTILITY_COPY, "the rows of a COPY do not go through a migration",
     "load them before or after with psql; a few rows can be an INSERT"},
    {UTILITY_LABEL, "security labels belong to a module of the server that pgseam does not know", "run it by hand"},
    {UTILITY_CONSTRAINTS, "each step is a transaction of its own, where SET CONSTRAINTS would not hold",
     "leave it out"},
};

gboolean
recipe_utility(PlanContext *ctx, GError **error)
{
    const UtilityStmt *utility = &ctx->stmt->utility;

    if (utility->kind == UTILITY_SET)
        return recipe_set(ctx, error);
    if (utility->kind == UTILITY_ANALYZE)
        return recipe_analyze(ctx, error);
    if (utility->kind == UTILITY_LOCK)
        return recipe_lock(ctx, error);
    for (gsize i = 0; i < G_N_ELEMENTS(refused); i++) {
        if (refused[i].kind == utility->kind) {
            context_refuse(error, refused[i].hint, "%s: %s", ctx->stmt->what, refused[i].reason);
            return FALSE;
        }
    }
    return recipe_none(ctx, error);
}
