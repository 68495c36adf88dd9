/*
 * What the tests of sql/ share: read a text that must or must not be understood.
 */
#ifndef PGSEAM_TEST_UNIT_SQL_READ_H
#define PGSEAM_TEST_UNIT_SQL_READ_H

#include "sql/script.h"

/* Fails the test if the text is refused. */
Script *read_sql(const char *source);

/* The statement `i`, from 0; fails the test if there is none of that kind. */
const Stmt *stmt_of_kind(const Script *script, guint i, StmtKind kind);

/* Each statement's text is what stands in the file at its offset. */
void assert_slices(const Script *script);

/* Fails the test unless the text is refused with this message (a part of it) at this place ("m.sql:2:1"; NULL: none).
 */
void assert_refused(const char *source, const char *message, const char *place);

#endif
