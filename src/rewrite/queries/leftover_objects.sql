-- What rewrites have made in this database, whoever they belong to: one row for each object. The journal is not asked: it may be
-- gone. `within` is the schema of the rewrite. Names of slots and publications are those of slot.c.
-- kind, within, schema, name, oid; is_ours: the role may drop it; bytes: 0 where a table holds no row; needs: quoted names of what else depends on it; refers:
-- {schema, name, ...} of tables that foreign keys lead to; is_active: of slots
WITH home AS (
    SELECT n.oid, n.nspname, n.nspowner FROM pg_catalog.pg_namespace AS n WHERE n.nspname LIKE 'pgseam\_rewrite\_%')
SELECT 'trigger' AS kind, h.nspname AS within, tn.nspname AS schema, c.relname AS table, t.tgname AS name, t.oid::bigint AS oid,
       pg_catalog.pg_has_role(c.relowner, 'USAGE') AS is_ours, 0::bigint AS bytes, NULL::text AS needs,
       '{}'::text[] AS refers, false AS is_active
  FROM home AS h
  JOIN pg_catalog.pg_proc AS p ON p.pronamespace = h.oid
  JOIN pg_catalog.pg_trigger AS t ON t.tgfoid = p.oid AND NOT t.tgisinternal AND t.tgparentid = 0
  JOIN pg_catalog.pg_class AS c ON c.oid = t.tgrelid
  JOIN pg_catalog.pg_namespace AS tn ON tn.oid = c.relnamespace
UNION ALL
SELECT 'slot', NULL, NULL, NULL, s.slot_name, 0,
       (SELECT r.rolsuper OR r.rolreplication FROM pg_catalog.pg_roles AS r WHERE r.rolname = current_user), 0, NULL, '{}', s.active
  FROM pg_catalog.pg_replication_slots AS s
 WHERE s.database = pg_catalog.current_database() AND s.plugin = 'pgoutput' AND NOT s.temporary
   AND s.slot_name ~ ('^pgseam_' || (SELECT d.oid FROM pg_catalog.pg_database AS d WHERE d.datname = s.database) || '_[a-z0-9_]*_[0-9a-f]{8}$')
UNION ALL
SELECT 'publication', NULL, NULL, NULL, p.pubname, p.oid::bigint, pg_catalog.pg_has_role(p.pubowner, 'USAGE'), 0, NULL, '{}', false
  FROM pg_catalog.pg_publication AS p
 WHERE p.pubname ~ '^pgseam_[0-9]+_[a-z0-9_]*_[0-9a-f]{8}$'
UNION ALL
SELECT 'table', h.nspname, h.nspname, c.relname, c.relname, c.oid::bigint, pg_catalog.pg_has_role(c.relowner, 'USAGE'),
       pg_catalog.pg_relation_size(c.oid),
       (SELECT pg_catalog.string_agg(DISTINCT pg_catalog.pg_describe_object(d.classid, d.objid, d.objsubid), ', ')
          FROM pg_catalog.pg_depend AS d
          LEFT JOIN pg_catalog.pg_constraint AS k ON d.classid = 'pg_catalog.pg_constraint'::regclass AND k.oid = d.objid
          LEFT JOIN pg_catalog.pg_rewrite AS r ON d.classid = 'pg_catalog.pg_rewrite'::regclass AND r.oid = d.objid
          LEFT JOIN pg_catalog.pg_attrdef AS e ON d.classid = 'pg_catalog.pg_attrdef'::regclass AND e.oid = d.objid
          LEFT JOIN pg_catalog.pg_policy AS y ON d.classid = 'pg_catalog.pg_policy'::regclass AND y.oid = d.objid
          LEFT JOIN pg_catalog.pg_trigger AS t ON d.classid = 'pg_catalog.pg_trigger'::regclass AND t.oid = d.objid
          LEFT JOIN pg_catalog.pg_index AS x ON d.classid = 'pg_catalog.pg_class'::regclass AND x.indexrelid = d.objid
         WHERE d.refclassid = 'pg_catalog.pg_class'::regclass AND d.refobjid = c.oid AND d.deptype = 'n'
           AND coalesce(k.conrelid, r.ev_class, e.adrelid, y.polrelid, t.tgrelid, x.indrelid, d.objid) <> c.oid),
       (SELECT coalesce(pg_catalog.array_agg(x ORDER BY i, o), '{}')
          FROM (SELECT DISTINCT f.confrelid AS i, rn.nspname, rc.relname
                  FROM pg_catalog.pg_constraint AS f
                  JOIN pg_catalog.pg_class AS rc ON rc.oid = f.confrelid
                  JOIN pg_catalog.pg_namespace AS rn ON rn.oid = rc.relnamespace
                 WHERE f.conrelid = c.oid AND f.contype = 'f' AND f.confrelid <> c.oid) AS u
         CROSS JOIN LATERAL (VALUES (1, u.nspname::text), (2, u.relname::text)) AS v (o, x)),
       false
  FROM home AS h
  JOIN pg_catalog.pg_class AS c ON c.relnamespace = h.oid AND c.relkind = 'r' AND NOT c.relispartition
UNION ALL
SELECT 'function', h.nspname, h.nspname, NULL, p.oid::regprocedure::text, p.oid::bigint,
       pg_catalog.pg_has_role(p.proowner, 'USAGE'), 0, NULL, '{}', false
  FROM home AS h
  JOIN pg_catalog.pg_proc AS p ON p.pronamespace = h.oid
UNION ALL
SELECT 'schema', h.nspname, h.nspname, NULL, h.nspname, h.oid::bigint, pg_catalog.pg_has_role(h.nspowner, 'USAGE'), 0,
       (SELECT pg_catalog.string_agg(pg_catalog.pg_describe_object(o.class, o.oid, 0), ', ')
          FROM (SELECT 'pg_catalog.pg_class'::regclass AS class, c.oid FROM pg_catalog.pg_class AS c
                 WHERE c.relnamespace = h.oid
                   AND (c.relkind IN ('v', 'm', 'f', 'c', 'p') OR (c.relkind = 'r' AND c.relispartition)
                        OR (c.relkind = 'S' AND NOT EXISTS (
                               SELECT FROM pg_catalog.pg_depend AS d
                                WHERE d.classid = 'pg_catalog.pg_class'::regclass AND d.objid = c.oid AND d.deptype IN ('a', 'i')
                                  AND d.refclassid = 'pg_catalog.pg_class'::regclass)))
                UNION ALL
                SELECT 'pg_catalog.pg_type'::regclass, y.oid FROM pg_catalog.pg_type AS y
                 WHERE y.typnamespace = h.oid AND y.typtype IN ('d', 'e', 'r')) AS o),
       '{}', false
  FROM home AS h
 ORDER BY within NULLS LAST, kind, schema, name
