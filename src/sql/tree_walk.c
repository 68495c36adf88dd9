/*
 * A walk over any part of the tree by protobuf-c's own descriptors: a node that a newer grammar brings is walked
 * without a line of ours.
 */
#include "sql/tree.h"

static void
walk_field(const ProtobufCMessage *message, const ProtobufCFieldDescriptor *field, TreeVisit visit, gpointer data)
{
    const char *base = (const char *)message;

    if (field->type != PROTOBUF_C_TYPE_MESSAGE)
        return;
    if (field->label == PROTOBUF_C_LABEL_REPEATED) {
        size_t n = *(const size_t *)(const void *)(base + field->quantifier_offset);
        ProtobufCMessage *const *items = *(ProtobufCMessage *const *const *)(const void *)(base + field->offset);

        for (size_t i = 0; i < n; i++)
            tree_walk(items[i], visit, data);
        return;
    }
    /* Members of a oneof share one offset; only the chosen one is there. */
    if ((field->flags & PROTOBUF_C_FIELD_FLAG_ONEOF) != 0 &&
        *(const uint32_t *)(const void *)(base + field->quantifier_offset) != field->id)
        return;
    tree_walk(*(ProtobufCMessage *const *)(const void *)(base + field->offset), visit, data);
}

void
tree_walk(const ProtobufCMessage *message, TreeVisit visit, gpointer data)
{
    if (message == NULL || !visit(data, message))
        return;
    for (unsigned i = 0; i < message->descriptor->n_fields; i++)
        walk_field(message, &message->descriptor->fields[i], visit, data);
}
