-- What one object is.
-- $1 oid: its catalog, $2 oid: its row there, $3 int: its column, or 0
SELECT i.type, i.schema, i.identity, pg_catalog.pg_describe_object($1::oid, $2::oid, $3::int) AS what,
       coalesce(c.relname, p.proname, t.typname, ns.nspname, i.name) AS name,
       coalesce(c.relkind::text, t.typtype::text, p.prokind::text, '') AS kind,
       coalesce(pg_catalog.pg_get_userbyid(o.owner), '') AS owner,
       coalesce(pg_catalog.pg_has_role(o.owner, 'USAGE'), true) AS is_owned,
       coalesce('(' || (SELECT string_agg(pg_catalog.format_type(a.type, NULL), ', ' ORDER BY a.n)
                          FROM pg_catalog.unnest(p.proargtypes) WITH ORDINALITY AS a(type, n)) || ')',
                CASE p.prokind WHEN 'a' THEN '(*)' ELSE '()' END) AS signature,
       coalesce(p.pronargdefaults, 0)::int AS n_defaults,
       coalesce(p.pronargs, 0)::int AS n_args,
       -- Input parameters without a name may get one; nothing takes it away again.
       coalesce((SELECT count(*) FROM pg_catalog.unnest(p.proargnames) WITH ORDINALITY AS a(name, n)
                  WHERE a.name <> '' AND coalesce(p.proargmodes[a.n] IN ('i', 'b', 'v'), true)), 0)::int AS n_named,
       (SELECT d.description FROM pg_catalog.pg_description AS d
         WHERE d.classoid = $1::oid AND d.objoid = $2::oid AND d.objsubid = $3::int) AS comment,
       (SELECT array_agg(e.enumlabel ORDER BY e.enumsortorder) FROM pg_catalog.pg_enum AS e
         WHERE e.enumtypid = t.oid) AS labels,
       r.oid IS NOT NULL AS has_relation, rn.nspname AS relation_schema, r.relname AS relation_name,
       r.relkind::text AS relation_kind, coalesce(pg_catalog.pg_has_role(r.relowner, 'USAGE'), false) AS relation_is_owned,
       coalesce(r.reltuples, 0) AS rows,
       coalesce(r.relreplident IN ('f', 'i') OR r.relreplident = 'd' AND EXISTS (
           SELECT FROM pg_catalog.pg_index AS x WHERE x.indrelid = r.oid AND x.indisprimary), false) AS has_identity
  FROM pg_catalog.pg_identify_object($1::oid, $2::oid, $3::int) AS i
  LEFT JOIN pg_catalog.pg_class AS c ON $1::oid = 'pg_catalog.pg_class'::pg_catalog.regclass AND c.oid = $2::oid
  LEFT JOIN pg_catalog.pg_index AS x ON x.indexrelid = c.oid
  LEFT JOIN pg_catalog.pg_proc AS p ON $1::oid = 'pg_catalog.pg_proc'::pg_catalog.regclass AND p.oid = $2::oid
  LEFT JOIN pg_catalog.pg_type AS t ON $1::oid = 'pg_catalog.pg_type'::pg_catalog.regclass AND t.oid = $2::oid
  LEFT JOIN pg_catalog.pg_namespace AS ns ON $1::oid = 'pg_catalog.pg_namespace'::pg_catalog.regclass AND ns.oid = $2::oid
  LEFT JOIN pg_catalog.pg_trigger AS tg ON $1::oid = 'pg_catalog.pg_trigger'::pg_catalog.regclass AND tg.oid = $2::oid
  LEFT JOIN pg_catalog.pg_policy AS po ON $1::oid = 'pg_catalog.pg_policy'::pg_catalog.regclass AND po.oid = $2::oid
  LEFT JOIN pg_catalog.pg_rewrite AS rw ON $1::oid = 'pg_catalog.pg_rewrite'::pg_catalog.regclass AND rw.oid = $2::oid
  LEFT JOIN pg_catalog.pg_constraint AS k ON $1::oid = 'pg_catalog.pg_constraint'::pg_catalog.regclass AND k.oid = $2::oid
  LEFT JOIN pg_catalog.pg_statistic_ext AS st
    ON $1::oid = 'pg_catalog.pg_statistic_ext'::pg_catalog.regclass AND st.oid = $2::oid
  LEFT JOIN pg_catalog.pg_class AS r
    ON r.oid = coalesce(x.indrelid, c.oid, tg.tgrelid, po.polrelid, rw.ev_class, nullif(k.conrelid, 0), st.stxrelid)
  LEFT JOIN pg_catalog.pg_namespace AS rn ON rn.oid = r.relnamespace
  LEFT JOIN LATERAL (
       SELECT coalesce(st.stxowner, c.relowner, r.relowner, p.proowner, t.typowner, ns.nspowner,
              (SELECT e.extowner FROM pg_catalog.pg_extension AS e
                WHERE $1::oid = 'pg_catalog.pg_extension'::pg_catalog.regclass AND e.oid = $2::oid),
              (SELECT b.pubowner FROM pg_catalog.pg_publication AS b
                WHERE $1::oid = 'pg_catalog.pg_publication'::pg_catalog.regclass AND b.oid = $2::oid),
              (SELECT l.collowner FROM pg_catalog.pg_collation AS l
                WHERE $1::oid = 'pg_catalog.pg_collation'::pg_catalog.regclass AND l.oid = $2::oid),
              (SELECT o.oprowner FROM pg_catalog.pg_operator AS o
                WHERE $1::oid = 'pg_catalog.pg_operator'::pg_catalog.regclass AND o.oid = $2::oid)) AS owner) AS o ON true
