/*
 * Versions of the application, for people, for machines and for connection strings.
 */
#ifndef PGSEAM_REPORT_VERSION_H
#define PGSEAM_REPORT_VERSION_H

#include "run/version_list.h"

/* {"versions": [{name, migration, state, schema, search_path, options, url_options, views}]}. The caller frees. */
char *version_to_json(const GPtrArray *versions);

/* A few lines for each. The caller frees. */
char *version_to_text(const GPtrArray *versions);

/* The parameter of a connection URI that chooses the version: "options=-csearch_path%3Dv2%2C%20public", and a newline.
 * The caller frees. */
char *version_to_url(const VersionEntry *version);

#endif
