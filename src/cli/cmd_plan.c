#include <string.h>

#include "base/error.h"
#include "cli/command.h"
#include "cli/planning.h"
#include "plan/plan_json.h"
#include "plan/plan_text.h"

static char *output;
static char *pin;

static GOptionEntry options[] = {{"output", 'o', 0, G_OPTION_ARG_FILENAME, &output,
                                  "Write the plan to this file; `pgseam start` runs exactly it", "FILE"},
                                 PLANNING_PIN_OPTION(pin),
                                 {NULL}};

static gboolean
run_plan(const CommonOptions *common, const RunOptions *run, char **args, GError **error)
{
    gboolean pins_all;
    g_autoptr(Plan) plan =
        planning_pins(pin, &pins_all, error) ? planning_from_file(run->target, args[0], pins_all, error) : NULL;
    g_autofree char *json = NULL;
    g_autofree char *text = NULL;
    g_autoptr(GError) why = NULL;

    if (plan == NULL)
        return FALSE;
    json = plan_to_json(plan);
    if (output != NULL && !g_file_set_contents(output, json, -1, &why)) {
        seam_error_set(error, SEAM_ERROR_FAILED, "cannot write the plan: %s", why->message);
        return FALSE;
    }
    text = plan_to_text(plan);
    command_print(common->is_json ? json : text);
    return TRUE;
}

const Command command_plan = {
    .name = "plan",
    .arguments = "FILE",
    .summary = "show the steps, locks and reasons of a migration; changes nothing",
    .help =
        "Shows what `pgseam start FILE` would do: each step with its phase, the SQL that runs, the lock on each table "
        "and\n"
        "for how long, and why. Nothing is changed. With -o the plan is kept for review, and `pgseam start` runs "
        "exactly\n"
        "what was reviewed, or refuses (exit 5) if the server has changed since.\n\n"
        "Understood: ALTER TABLE ADD/DROP COLUMN, ALTER COLUMN SET/DROP DEFAULT, SET/DROP NOT NULL; CREATE/DROP "
        "INDEX;\n"
        "CREATE TABLE; UPDATE and DELETE by row. Anything else is refused with its line, or runs as it stands under\n"
        "  -- pgseam: allow opaque because REASON\n\n"
        "Example: pgseam plan -d shop 0042_users_age.sql -o 0042_users_age.plan",
    .min_args = 1,
    .max_args = 1,
    .options = options,
    .run = run_plan,
};
