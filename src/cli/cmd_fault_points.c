#include <stdio.h>

#include "cli/command.h"
#include "run/fault.h"

static gboolean
run_fault_points(const CommonOptions *common, const RunOptions *options, char **args, GError **error)
{
    for (const char *const *point = fault_points; *point != NULL; point++)
        puts(*point);
    return TRUE;
}

const Command command_fault_points = {
    .name = "fault-points",
    .summary = "list the fault points, for the torture test",
    .help = "Lists the names that PGSEAM_FAULT=NAME:ACTION[:N] takes; ACTION is error, kill, stop or lose.\n\n"
            "Example: pgseam fault-points",
    .is_hidden = TRUE,
    .run = run_fault_points,
};
