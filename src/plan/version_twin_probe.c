/*
 * What the server would say of twins only when they are made, after the rows have been filled: asked at plan.
 */
#include <string.h>

#include "base/names.h"
#include "base/sqltext.h"
#include "plan/version_twin.h"

/* The type `next`, a domain's by what it rests on, as rows of base(oid, next): the one without a next is it. */
#define BASE_OF                                                                                                        \
    "WITH RECURSIVE base(oid, next) AS (SELECT t.oid, t.typbasetype FROM pg_catalog.pg_type AS t WHERE t.oid = "       \
    "pg_catalog.pg_typeof(CAST(NULL AS ?))::pg_catalog.oid UNION ALL SELECT t.oid, t.typbasetype FROM base JOIN "      \
    "pg_catalog.pg_type AS t ON t.oid = base.next) "

/* As GetDefaultOpClass() and IsBinaryCoercible() of the server do it (src/backend/commands/indexcmds.c,
 * src/backend/parser/parse_coerce.c): a class that is the default is looked for anew, another one stays. */
#define HAS_CLASS                                                                                                      \
    "SELECT NOT EXISTS (SELECT FROM pg_catalog.pg_index AS i CROSS JOIN LATERAL "                                      \
    "pg_catalog.unnest(i.indclass::pg_catalog.oid[]) WITH ORDINALITY AS u(class, place) JOIN pg_catalog.pg_attribute " \
    "AS a ON a.attrelid = i.indrelid AND a.attnum = (i.indkey::pg_catalog.int2[])[u.place::integer - 1] JOIN "         \
    "pg_catalog.pg_opclass AS was ON was.oid = u.class WHERE i.indexrelid = pg_catalog.to_regclass(?) AND a.attname "  \
    "= ? AND NOT EXISTS (SELECT FROM base JOIN pg_catalog.pg_type AS t ON t.oid = base.oid JOIN "                      \
    "pg_catalog.pg_opclass AS o ON o.opcmethod = was.opcmethod AND (o.oid = was.oid OR (was.opcdefault AND "           \
    "o.opcdefault)) WHERE base.next = 0 AND (o.opcintype = t.oid OR (t.typcategory = 'A' AND o.opcintype = "           \
    "'pg_catalog.anyarray'::pg_catalog.regtype) OR (t.typtype = 'e' AND o.opcintype = "                                \
    "'pg_catalog.anyenum'::pg_catalog.regtype) OR (t.typtype = 'r' AND o.opcintype = "                                 \
    "'pg_catalog.anyrange'::pg_catalog.regtype) OR (t.typtype = 'm' AND o.opcintype = "                                \
    "pg_catalog.to_regtype('pg_catalog.anymultirange')) OR (t.typtype = 'c' AND o.opcintype = "                        \
    "'pg_catalog.record'::pg_catalog.regtype) OR EXISTS (SELECT FROM pg_catalog.pg_cast AS c WHERE c.castsource = "    \
    "t.oid AND c.casttarget = o.opcintype AND c.castmethod = 'b' AND c.castcontext = 'i'))))"

/* As ATAddForeignKeyConstraint() does it (src/backend/commands/tablecmds.c): the family of the key's index compares
 * both types, or the new one has an implicit cast to the key's. */
#define COMPARES                                                                                                       \
    "SELECT EXISTS (SELECT FROM base, pg_catalog.pg_type AS k WHERE base.next = 0 AND k.oid = "                        \
    "pg_catalog.pg_typeof(CAST(NULL AS ?))::pg_catalog.oid AND (k.typtype = 'd' OR k.oid = base.oid OR EXISTS "        \
    "(SELECT FROM pg_catalog.pg_amop AS m JOIN pg_catalog.pg_am AS b ON b.oid = m.amopmethod WHERE b.amname = "        \
    "'btree' AND m.amopstrategy = 3 AND m.amoplefttype = k.oid AND m.amoprighttype = base.oid) OR EXISTS (SELECT "     \
    "FROM pg_catalog.pg_cast AS c WHERE c.castsource = base.oid AND c.castcontext = 'i' AND (c.casttarget = k.oid "    \
    "OR EXISTS (SELECT FROM pg_catalog.pg_cast AS d WHERE d.castsource = k.oid AND d.casttarget = c.casttarget AND "   \
    "d.castmethod = 'b' AND d.castcontext = 'i')))))"

static void
probe_index(GPtrArray *probes, const VersionTable *table, const VersionColumn *column, const FactIndex *index)
{
    g_autofree char *name = sql_quote_name(table->table->schema, index->name);
    PlanProbe *probe = plan_probe_add(
        probes,
        sql_build(BASE_OF HAS_CLASS, sql_raw(column->new_type), sql_literal(name), sql_literal(column->fact->name)),
        column->offset);

    probe->must_hold = g_strdup_printf("index \"%s\" cannot be made for the new type of column \"%s\": there is no "
                                       "operator class for %s, or the index has one that does not take it",
                                       index->name, column->fact->name, column->new_type);
    probe->hint = g_strdup("drop it in a migration before this one");
}

static void
probe_foreign_key(GPtrArray *probes, const VersionColumn *column, const FactConstraint *constraint)
{
    g_autofree char *other = sql_quote_name(constraint->other_schema, constraint->other_table);
    const char *type;
    PlanProbe *probe;
    guint place;

    if (!g_ptr_array_find_with_equal_func(constraint->columns, column->fact->name, g_str_equal, &place) ||
        constraint->other_types == NULL || place >= constraint->other_types->len)
        return;
    type = g_ptr_array_index(constraint->other_types, place);
    probe =
        plan_probe_add(probes, sql_build(BASE_OF COMPARES, sql_raw(column->new_type), sql_raw(type)), column->offset);
    probe->must_hold = g_strdup_printf("foreign key \"%s\" would compare %s with the %s of table %s: the key's index "
                                       "cannot do that",
                                       constraint->name, column->new_type, type, other);
    probe->hint = g_strdup("drop the foreign key, change both tables, and add it again, in migrations of their own");
    probe =
        plan_probe_add(probes,
                       sql_build("SELECT pg_catalog.has_any_column_privilege(pg_catalog.to_regclass(?), 'REFERENCES')",
                                 sql_literal(other)),
                       column->offset);
    probe->must_hold = g_strdup_printf("the role may not make foreign key \"%s\" again for the new type: it has no "
                                       "privilege REFERENCES on table %s",
                                       constraint->name, other);
    probe->hint = g_strdup_printf("GRANT REFERENCES ON %s TO the role, or connect as one that has it", other);
}

void
version_probe_makeable(GPtrArray *probes, const VersionTable *table)
{
    for (guint i = 0; i < table->columns->len; i++) {
        const VersionColumn *column = g_ptr_array_index(table->columns, i);

        /* A type that the file makes can be asked for nothing yet. */
        if (column->retyped == NULL || column->new_type == NULL)
            continue;
        for (guint k = 0; k < table->table->indexes->len; k++)
            probe_index(probes, table, column, g_ptr_array_index(table->table->indexes, k));
        for (guint k = 0; k < table->table->constraints->len; k++) {
            const FactConstraint *constraint = g_ptr_array_index(table->table->constraints, k);

            if (constraint->kind == 'f' && !constraint->is_inbound)
                probe_foreign_key(probes, column, constraint);
        }
    }
}
