#include <glib.h>
#include <stdio.h>
#include <string.h>

#include "base/error.h"
#include "run/cancel.h"
#include "try.h"

static const struct {
    const char *name;
    TryPart run;
} parts[] = {
    {"swap", try_swap},
    {"sync", try_sync},
    {"verify", try_verify},
    {"workers", try_workers},
};

int
main(int argc, char **argv)
{
    g_autoptr(GError) error = NULL;

    cancel_install();
    for (guint i = 0; argc > 2 && i < G_N_ELEMENTS(parts); i++) {
        if (strcmp(parts[i].name, argv[1]) != 0)
            continue;
        if (parts[i].run(argv[2], argv + 3, &error))
            return 0;
        printf("error %d: %s\n", error->code, error->message);
        if (seam_error_get_detail(error) != NULL)
            printf("%s\n", seam_error_get_detail(error));
        return 1;
    }
    fprintf(stderr, "usage: pgseam-try PART DSN ...\n");
    return 2;
}
