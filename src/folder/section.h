/*
 * The part of a file that leads up, where other tools keep both ways in one file:
 *
 *   -- +goose Up / -- +goose Down            goose; StatementBegin, StatementEnd and NO TRANSACTION say nothing to us
 *   -- +migrate Up / -- +migrate Down        sql-migrate; likewise, and "notransaction"
 *   -- migrate:up / -- migrate:down          dbmate; transaction:false likewise
 *
 * Law: the other part is blanked, not cut, so each line keeps its number. A file in which it is not clear which part is
 * which is refused.
 */
#ifndef PGSEAM_FOLDER_SECTION_H
#define PGSEAM_FOLDER_SECTION_H

#include <glib.h>

typedef enum SectionStyle { SECTION_NONE, SECTION_GOOSE, SECTION_SQL_MIGRATE, SECTION_DBMATE } SectionStyle;

/* "-- +goose Up", for messages. */
const char *section_mark(SectionStyle style);

/* The text with blanks where it leads down; the same text for a file without marks. `path` is for messages. NULL with
 * SEAM_ERROR_REFUSED and the line in its detail. The caller frees. */
char *section_up(const char *path, const char *text, SectionStyle *ret_style, GError **error);

#endif
