-- The versions that migrations have made and that are there, newest first, with their views.
-- No parameters.
SELECT v.migration_id, v.migration, v.state, v.name, v.is_pinned,
       -- The comment that it was given: a schema of the name may have been made by others since.
       coalesce(pg_catalog.obj_description(n.oid, 'pg_namespace') = 'version of the application: migration ' || v.migration, false)
       AS is_ours,
       pg_catalog.quote_ident(v.name) || ', ' || v.search_path AS search_path,
       (SELECT coalesce(pg_catalog.array_agg(c.relname ORDER BY c.relname), '{}') FROM pg_catalog.pg_class AS c
         WHERE c.relnamespace = n.oid AND c.relkind = 'v') AS views,
       -- What would keep DROP SCHEMA from working: not the views, nor their row types and rules.
       (SELECT pg_catalog.string_agg(pg_catalog.pg_describe_object(d.classid, d.objid, d.objsubid), ', ' ORDER BY d.objid)
          FROM pg_catalog.pg_depend AS d
          LEFT JOIN pg_catalog.pg_class AS c ON d.classid = 'pg_catalog.pg_class'::pg_catalog.regclass AND c.oid = d.objid
         WHERE d.refclassid = 'pg_catalog.pg_namespace'::pg_catalog.regclass AND d.refobjid = n.oid AND d.deptype = 'n'
           AND c.relkind IS DISTINCT FROM 'v') AS others,
       (SELECT pg_catalog.string_agg(DISTINCT pg_catalog.pg_describe_object(d.classid, d.objid, 0), ', ')
          FROM pg_catalog.pg_class AS c
          JOIN pg_catalog.pg_depend AS d ON d.refclassid = 'pg_catalog.pg_class'::pg_catalog.regclass AND d.refobjid = c.oid
           AND d.deptype = 'n'
          LEFT JOIN pg_catalog.pg_rewrite AS r ON d.classid = 'pg_catalog.pg_rewrite'::pg_catalog.regclass AND r.oid = d.objid
         WHERE c.relnamespace = n.oid AND c.relkind = 'v' AND r.ev_class IS DISTINCT FROM c.oid) AS dependants
  FROM (SELECT m.id AS migration_id, m.name AS migration, m.state, m.plan::json ->> 'version' AS name,
               m.plan::json ->> 'search_path' AS search_path, m.plan::json ->> 'file' = 'pgseam version pin' AS is_pinned,
               pg_catalog.row_number() OVER (PARTITION BY m.plan::json ->> 'version' ORDER BY m.id DESC) AS place
          FROM pgseam.migration AS m
         WHERE m.plan::json ->> 'version' IS NOT NULL) AS v
  JOIN pg_catalog.pg_namespace AS n ON n.nspname = v.name
 WHERE v.place = 1 AND v.state <> 'rolled_back'
 ORDER BY v.migration_id DESC
