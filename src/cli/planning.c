#include "cli/planning.h"

#include <string.h>

#include "base/error.h"
#include "catalog/load.h"
#include "db/conn.h"
#include "folder/folder.h"
#include "folder/section.h"
#include "plan/plan_json.h"
#include "plan/planner.h"
#include "run/blockers.h"
#include "run/version_list.h"
#include "sql/part.h"

static void
append_all(GPtrArray *to, const GPtrArray *from)
{
    for (guint i = 0; i < from->len; i++)
        g_ptr_array_add(to, g_strdup(g_ptr_array_index(from, i)));
}

void
planning_add_versions(DbConn *conn, FactRequest *request)
{
    g_autoptr(GPtrArray) versions = version_list(conn, NULL);

    for (guint i = 0; versions != NULL && i < versions->len; i++) {
        const VersionEntry *version = g_ptr_array_index(versions, i);

        if (version->is_ours)
            g_ptr_array_add(version->state == STATE_COMPLETE ? request->versions : request->rising,
                            g_strdup(version->name));
    }
}

/* The planner's wishes in the catalog's words: the two do not know of each other. */
static Facts *
load_facts(DbConn *conn, const Script *script, const char *search_path, GError **error)
{
    Wishes wishes;
    FactRequest request;
    Facts *facts;

    wishes_of_script(&wishes, script);
    fact_request_init(&request);
    append_all(request.relations, wishes.relations);
    append_all(request.functions, wishes.functions);
    append_all(request.types, wishes.types);
    append_all(request.schemas, wishes.schemas);
    append_all(request.objects, wishes.objects);
    request.version = g_strdup(wishes.version);
    request.pins = wishes.pins;
    planning_add_versions(conn, &request);
    for (guint i = 0; i + 2 < wishes.candidates->len; i += 3)
        fact_request_add_candidate(&request, g_ptr_array_index(wishes.candidates, i),
                                   g_ptr_array_index(wishes.candidates, i + 1),
                                   g_ptr_array_index(wishes.candidates, i + 2));
    facts = facts_load(conn, &request, search_path, error);
    fact_request_clear(&request);
    wishes_clear(&wishes);
    return facts;
}

static void
place_probe_error(const Script *script, const PlanProbe *probe, GError **error)
{
    g_autofree char *excerpt = script_excerpt(script, probe->offset);

    if (seam_error_has_sqlstate(*error, "55P03")) {
        return;
    }
    if (seam_error_is(*error, SEAM_ERROR_SQL)) {
        if (probe->wrong != NULL)
            g_prefix_error(error, "%s: ", probe->wrong);
        if (probe->hint != NULL)
            seam_error_hint(error, "%s", probe->hint);
        seam_error_recode(error, SEAM_ERROR_REFUSED);
        seam_error_detail(error, "%s", excerpt);
        if (seam_error_get_hint(*error) == NULL)
            seam_error_hint(error, "the server refuses this expression; nothing has been changed");
    }
}

/* What a statement of the file may make before it is needed: a type, a function, a table, a schema. */
static gboolean
is_undefined(const GError *why)
{
    static const char *const states[] = {"42704", "42883", "42P01", "3F000", "42725"};

    for (guint i = 0; i < G_N_ELEMENTS(states); i++) {
        if (seam_error_has_sqlstate(why, states[i]))
            return TRUE;
    }
    return FALSE;
}

static gboolean
check_probe(DbConn *conn, const PlanProbe *probe, GError **error)
{
    g_autoptr(GError) why = NULL;
    g_autoptr(DbResult) row = NULL;

    if (!db_run(conn, "SAVEPOINT probe", DB_NONE, error))
        return FALSE;
    row = db_query(conn, probe->sql, DB_NONE, &why);
    if (row == NULL && probe->is_early && is_undefined(why))
        return db_run(conn, "ROLLBACK TO SAVEPOINT probe", DB_NONE, error);
    if (row == NULL) {
        g_propagate_error(error, g_steal_pointer(&why));
        return FALSE;
    }
    if (probe->must_hold == NULL || (db_rows(row) == 1 && g_strcmp0(db_text_at(row, 0, 0), "t") == 0))
        return TRUE;
    seam_error_set(error, SEAM_ERROR_SQL, "%s", probe->must_hold);
    return FALSE;
}

/* Let the server plan the file's expressions against the table as it will be. */
static gboolean
check_expressions(DbConn *conn, const Script *script, const Facts *facts, GError **error)
{
    g_autoptr(GPtrArray) probes = planner_probes(script, facts);
    gboolean ok =
        db_run(conn, "BEGIN READ ONLY", DB_NONE, error) &&
        db_run(conn, "SELECT pg_catalog.set_config('search_path', $1, true)", DB_ARGS(facts->search_path), error);

    for (guint i = 0; ok && i < probes->len; i++) {
        const PlanProbe *probe = g_ptr_array_index(probes, i);

        ok = check_probe(conn, probe, error);
        if (!ok && error != NULL)
            place_probe_error(script, probe, error);
    }
    db_abort(conn);
    return ok;
}

/* Even looking needs ACCESS SHARE here and there: who holds a table exclusively is named. */
static void
name_holders(DbConn *conn, const Script *script, GError **error)
{
    g_autoptr(GPtrArray) targets = g_ptr_array_new_with_free_func(lock_target_free);
    g_autoptr(GPtrArray) holders = NULL;
    g_autofree char *who = NULL;
    Wishes wishes;

    if (error == NULL || !seam_error_has_sqlstate(*error, "55P03"))
        return;
    seam_error_recode(error, SEAM_ERROR_LOCK);
    seam_error_hint(error, "see `pgseam locks`, then try again; nothing has been changed");
    wishes_of_script(&wishes, script);
    for (guint i = 0; i < wishes.relations->len; i++) {
        LockTarget *target = g_new0(LockTarget, 1);

        target->relation = g_strdup(g_ptr_array_index(wishes.relations, i));
        target->mode = LOCK_ACCESS_SHARE;
        g_ptr_array_add(targets, target);
    }
    if (db_run(conn, "SELECT pg_catalog.set_config('search_path', $1, false)", DB_ARGS(db_settings(conn)->search_path),
               NULL))
        holders = blockers_find(conn, targets, db_backend_pid(conn), NULL);
    who = holders != NULL ? blockers_describe(holders) : g_strdup("");
    seam_error_detail(error, "%s", who);
    wishes_clear(&wishes);
}

static Plan *
build(DbConn *conn, const Script *script, GError **error)
{
    g_autoptr(Facts) facts = load_facts(conn, script, NULL, error);
    g_autoptr(Plan) plan = facts != NULL ? planner_build(script, facts, error) : NULL;

    if (plan == NULL || !check_expressions(conn, script, facts, error)) {
        name_holders(conn, script, error);
        return NULL;
    }
    return g_steal_pointer(&plan);
}

/* Several files are of a folder, whose ledger has a row for each. */
static gboolean
check_one_file(const Script *script, GError **error)
{
    if (script->parts == NULL)
        return TRUE;
    seam_error_set(error, SEAM_ERROR_REFUSED, "%s has a directive \"file\", which pgseam writes where it joins files",
                   script->path);
    seam_error_hint(error, "files of a folder run together with `pgseam migrate DIR --together`");
    return FALSE;
}

/* The file, but for what leads down in one that was written for another tool. */
static Script *
load_up(const char *path, GError **error)
{
    g_autoptr(Script) script = script_load(path, error);
    SectionStyle style = SECTION_NONE;
    g_autofree char *up = script != NULL ? section_up(path, script->source, &style, error) : NULL;

    if (up == NULL || style == SECTION_NONE)
        return up != NULL ? g_steal_pointer(&script) : NULL;
    return script_read(path, up, error);
}

gboolean
planning_pins(const char *value, gboolean *ret_all, GError **error)
{
    *ret_all = value != NULL;
    if (value == NULL || strcmp(value, "all") == 0)
        return TRUE;
    seam_error_set(error, SEAM_ERROR_USAGE, "--pin takes the word \"all\": a view for every table");
    return FALSE;
}

Plan *
planning_from_sql(const char *target, const char *path, gboolean pins_all, GError **error)
{
    g_autoptr(Script) script = load_up(path, error);
    g_autoptr(DbConn) conn = NULL;

    if (script == NULL)
        return NULL;
    if (!check_one_file(script, error))
        return NULL;
    if (strlen(script->name) == 0) {
        seam_error_set(error, SEAM_ERROR_USAGE, "the file's name gives the migration no name");
        return NULL;
    }
    if (pins_all && script->version == NULL) {
        seam_error_set(error, SEAM_ERROR_USAGE, "--pin all is for a file that makes a version, and %s makes none",
                       path);
        seam_error_hint(error, "name one above its first statement: -- pgseam: version NAME. For the application that "
                               "runs now: `pgseam version pin NAME`");
        return NULL;
    }
    script->pins_all = pins_all;
    conn = db_open(target, "pgseam/plan", error);
    return conn != NULL ? build(conn, script, error) : NULL;
}

Plan *
planning_from_text(const char *target, const char *path, const char *name, const char *text, gboolean pins_all,
                   GError **error)
{
    g_autoptr(Script) script = script_read(path, text, error);
    g_autoptr(DbConn) conn = NULL;

    if (script == NULL || !check_one_file(script, error))
        return NULL;
    g_free(script->name);
    script->name = g_strdup(name);
    script->pins_all = pins_all && script->version != NULL;
    conn = db_open(target, "pgseam/plan", error);
    return conn != NULL ? build(conn, script, error) : NULL;
}

/* A file's end is the end of what stands in it, since it can be read alone. */
static gboolean
append_file(GString *joined, const FolderFile *file, GError **error)
{
    g_autoptr(Script) alone = script_read(file->path, file->text, error);

    if (alone == NULL || !check_one_file(alone, error))
        return FALSE;
    if (strpbrk(file->path, "\r\n") != NULL) {
        seam_error_set(error, SEAM_ERROR_REFUSED, "%s cannot run together with others: its name has a line break",
                       file->path);
        return FALSE;
    }
    part_append(joined, file->path, file->text);
    return TRUE;
}

/* The first `n` of them as one script. */
static Script *
join_files(const char *folder, const char *name, const GPtrArray *files, guint n, GError **error)
{
    g_autoptr(GString) joined = g_string_new(NULL);
    Script *script;

    for (guint i = 0; i < n; i++) {
        if (!append_file(joined, g_ptr_array_index(files, i), error))
            return NULL;
    }
    script = script_read(folder, joined->str, error);
    if (script != NULL) {
        g_free(script->name);
        script->name = g_strdup(name);
    }
    return script;
}

/* How many of them could be planned together: tried, since what is refused may stand anywhere. None: then the reason is
 * not that they are together. */
static void
propose_fewer(DbConn *conn, const char *folder, const GPtrArray *files, GError **error)
{
    g_autofree char *before = g_strdup(seam_error_get_hint(*error));
    guint fits = files->len - 1;

    for (gboolean ok = FALSE; !ok && fits > 0; fits -= !ok) {
        g_autoptr(Script) script = join_files(folder, "some", files, fits, NULL);
        g_autoptr(Plan) plan = script != NULL ? build(conn, script, NULL) : NULL;

        ok = plan != NULL;
    }
    if (fits > 0)
        seam_error_hint(error,
                        "%s%sof the %u files, `--together --to %s` runs the first ones as one migration; without "
                        "--together each is a migration of its own",
                        before != NULL ? before : "", before != NULL ? "\n" : "", files->len,
                        ((const FolderFile *)g_ptr_array_index(files, fits - 1))->name);
}

Plan *
planning_from_files(const char *target, const char *folder, const char *name, const GPtrArray *files, gboolean pins_all,
                    GError **error)
{
    g_autoptr(DbConn) conn = db_open(target, "pgseam/plan", error);
    g_autoptr(GError) why = NULL;
    g_autoptr(Script) script = conn != NULL ? join_files(folder, name, files, files->len, &why) : NULL;
    g_autoptr(Plan) plan = NULL;

    if (conn == NULL)
        return NULL;
    if (script != NULL) {
        script->pins_all = pins_all && script->version != NULL;
        plan = build(conn, script, &why);
    }
    if (plan == NULL) {
        if (seam_error_is(why, SEAM_ERROR_REFUSED))
            propose_fewer(conn, folder, files, &why);
        g_propagate_error(error, g_steal_pointer(&why));
    }
    return g_steal_pointer(&plan);
}

static void
set_drift(const char *path, const GPtrArray *drift, GError **error)
{
    g_autoptr(GString) lines = g_string_new(NULL);

    for (guint i = 0; i < drift->len; i++)
        g_string_append_printf(lines, "%s%s", i > 0 ? "\n" : "", (const char *)g_ptr_array_index(drift, i));
    seam_error_set(error, SEAM_ERROR_DRIFT, "the server is no longer what %s was made for", path);
    seam_error_detail(error, "%s", lines->str);
    seam_error_hint(error, "make a new plan and have it reviewed; nothing has been changed");
}

/* The same facts and the same file make the same plan: anything else has been edited, or made by another pgseam. */
static gboolean
check_steps(const Plan *plan, const Script *script, const Facts *facts, const char *path, GError **error)
{
    g_autoptr(Plan) again = planner_build(script, facts, error);

    if (again == NULL)
        return FALSE;
    if (plan_same_steps(plan, again))
        return TRUE;
    seam_error_set(error, SEAM_ERROR_REFUSED, "the steps in %s are not those that this pgseam makes of its source",
                   path);
    seam_error_hint(error, "it was edited, or made by another version (%s, this is %s): make a new plan",
                    plan->tool_version != NULL ? plan->tool_version : "?", PGSEAM_VERSION);
    return FALSE;
}

Plan *
planning_from_plan(const char *target, const char *path, const char *text, GError **error)
{
    g_autoptr(Plan) plan = plan_from_json(text, path, error);
    g_autoptr(Script) script = plan != NULL ? script_read(plan->path, plan->source, error) : NULL;
    g_autoptr(DbConn) conn = NULL;
    g_autoptr(Facts) facts = NULL;
    g_autoptr(GPtrArray) actual = NULL;
    g_autoptr(GPtrArray) drift = NULL;

    if (script == NULL || !check_one_file(script, error))
        return NULL;
    script->pins_all = plan->pins_all;
    conn = db_open(target, "pgseam/plan", error);
    facts = conn != NULL ? load_facts(conn, script, plan->search_path, error) : NULL;
    actual = facts != NULL ? facts_fingerprint(facts) : NULL;
    drift = actual != NULL ? plan_drift(plan->facts, actual) : NULL;
    if (drift == NULL) {
        if (conn != NULL)
            name_holders(conn, script, error);
        return NULL;
    }
    if (drift->len > 0) {
        set_drift(path, drift, error);
        return NULL;
    }
    if (plan->small != NULL)
        facts_set_small(facts, plan->small);
    return check_steps(plan, script, facts, path, error) ? g_steal_pointer(&plan) : NULL;
}

/* The text of a file that holds a plan; NULL for anything else. A plan is a JSON object; no SQL statement begins with a
 * brace. */
static char *
read_plan_text(const char *path)
{
    g_autofree char *text = NULL;

    if (strcmp(path, "-") == 0 || !g_file_get_contents(path, &text, NULL, NULL))
        return NULL;
    return text[strspn(text, " \t\r\n")] == '{' ? g_steal_pointer(&text) : NULL;
}

char *
planning_name_of(const char *path)
{
    g_autofree char *text = read_plan_text(path);
    g_autoptr(Plan) plan = text != NULL ? plan_from_json(text, path, NULL) : NULL;

    if (text == NULL)
        return script_name_of(path);
    return plan != NULL ? g_strdup(plan->migration) : NULL;
}

Plan *
planning_from_file(const char *target, const char *path, gboolean pins_all, GError **error)
{
    g_autofree char *text = read_plan_text(path);

    if (text == NULL)
        return planning_from_sql(target, path, pins_all, error);
    if (!pins_all)
        return planning_from_plan(target, path, text, error);
    seam_error_set(error, SEAM_ERROR_USAGE, "--pin all is said when the plan is made: `pgseam plan --pin all`");
    return NULL;
}
