/*
 * JSON documents out: the few calls that every printer needs, on json-glib's builder.
 */
#ifndef PGSEAM_BASE_DOCUMENT_H
#define PGSEAM_BASE_DOCUMENT_H

#include <json-glib/json-glib.h>

/* "key": value; a NULL text becomes null. */
void document_put_text(JsonBuilder *builder, const char *key, const char *value);
void document_put_int(JsonBuilder *builder, const char *key, gint64 value);
void document_put_bool(JsonBuilder *builder, const char *key, gboolean value);
/* A number of seconds or the like; a negative one is unknown and becomes null. */
void document_put_known(JsonBuilder *builder, const char *key, double value);

/* "key": [ or {, up to json_builder_end_array() or _end_object(). */
void document_begin_array(JsonBuilder *builder, const char *key);
void document_begin_object(JsonBuilder *builder, const char *key);

/* "key": what `json`, itself JSON, says; NULL becomes null. */
void document_put_json(JsonBuilder *builder, const char *key, const char *json);
/* "key": ["text", ...] */
void document_put_texts(JsonBuilder *builder, const char *key, const GPtrArray *texts);

/* "key": [...], each item of the list as `put` writes it. */
typedef void (*DocumentPut)(JsonBuilder *builder, gconstpointer item);
void document_put_list(JsonBuilder *builder, const char *key, const GPtrArray *items, DocumentPut put);

/* A document that is one such list. The caller frees. */
char *document_of_list(const char *key, const GPtrArray *items, DocumentPut put);

/* The finished document, indented, with a newline at its end. The caller frees. */
char *document_text(JsonBuilder *builder);

#endif
