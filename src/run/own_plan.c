#include "run/own_plan.h"

Plan *
own_plan(DbConn *conn, char *migration, const char *command, const char *search_path)
{
    const DbSettings *settings = db_settings(conn);
    Plan *plan = plan_new();

    plan->migration = migration;
    plan->path = g_strdup(command);
    plan->source = g_strdup("");
    plan->source_sha256 = plan_source_hash(plan->source);
    plan->tool_version = g_strdup(PGSEAM_VERSION);
    plan->server_version = db_server_version(conn);
    plan->search_path = g_strdup(search_path);
    plan->time_zone = g_strdup(settings->time_zone);
    plan->date_style = g_strdup(settings->date_style);
    return plan;
}
