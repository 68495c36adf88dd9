-- What lives elsewhere and is made again in a cut-over, as lines like those of swap_inventory.sql.
-- $1 text[]: quoted qualified names of views; $2 oid[]: rules of other relations; $3 oid[]: policies of other tables; $4 text[]: functions with
-- the types of their arguments
WITH v AS (
    SELECT c.*, u.name FROM pg_catalog.unnest($1::text[]) AS u(name) JOIN pg_catalog.pg_class AS c ON c.oid = pg_catalog.to_regclass(u.name)
), col AS (
    SELECT v.name, a.* FROM v JOIN pg_catalog.pg_attribute AS a ON a.attrelid = v.oid AND a.attnum > 0
), trg AS (
    SELECT v.name, g.* FROM v JOIN pg_catalog.pg_trigger AS g ON g.tgrelid = v.oid AND NOT g.tgisinternal
), rul AS (
    SELECT v.name, r.* FROM v JOIN pg_catalog.pg_rewrite AS r ON r.ev_class = v.oid
), spoken(object, classid, objid, objsubid) AS (
    SELECT v.name, 'pg_catalog.pg_class'::pg_catalog.regclass, v.oid, 0 FROM v
    UNION ALL SELECT pg_catalog.format('%s column %s', col.name, col.attname), 'pg_catalog.pg_class'::pg_catalog.regclass, col.attrelid, col.attnum FROM col
    UNION ALL SELECT pg_catalog.format('%s trigger %s', trg.name, trg.tgname), 'pg_catalog.pg_trigger'::pg_catalog.regclass, trg.oid, 0 FROM trg
    UNION ALL SELECT pg_catalog.format('%s rule %s', rul.name, rul.rulename), 'pg_catalog.pg_rewrite'::pg_catalog.regclass, rul.oid, 0 FROM rul
)
SELECT l.kind, l.object, '' AS needs, l.definition, false AS is_local, l.is_expression
  FROM (SELECT 'view' AS kind, v.name AS object,
               pg_catalog.concat_ws(' ', 'owner', pg_catalog.pg_get_userbyid(v.relowner), 'options',
                   (SELECT pg_catalog.string_agg(o, ',' ORDER BY o) FROM pg_catalog.unnest(v.reloptions) AS o), 'columns',
                   (SELECT pg_catalog.string_agg(col.attname, ',' ORDER BY col.attnum) FROM col WHERE col.attrelid = v.oid)) AS definition,
               false AS is_expression
          FROM v
        UNION ALL SELECT 'view query', rul.name, pg_catalog.pg_get_viewdef(rul.ev_class), true FROM rul WHERE rul.rulename = '_RETURN'
        UNION ALL
        SELECT 'view privilege', w.what,
               pg_catalog.format('%s%s to %s by %s', a.privilege_type, CASE WHEN a.is_grantable THEN ' with grant option' END,
                   CASE a.grantee WHEN 0 THEN 'PUBLIC' ELSE pg_catalog.pg_get_userbyid(a.grantee)::text END,
                   pg_catalog.pg_get_userbyid(a.grantor)), false
          FROM (SELECT v.name AS what, coalesce(v.relacl, pg_catalog.acldefault('r', v.relowner)) AS acl FROM v
                UNION ALL SELECT pg_catalog.format('%s column %s', col.name, col.attname), col.attacl FROM col) AS w,
               pg_catalog.aclexplode(w.acl) AS a
        UNION ALL
        SELECT 'view default', pg_catalog.format('%s column %s', col.name, col.attname), pg_catalog.pg_get_expr(f.adbin, f.adrelid), true
          FROM col JOIN pg_catalog.pg_attrdef AS f ON f.adrelid = col.attrelid AND f.adnum = col.attnum
        UNION ALL
        SELECT 'view trigger', pg_catalog.format('%s trigger %s', trg.name, trg.tgname),
               pg_catalog.concat_ws(' ', pg_catalog.pg_get_triggerdef(trg.oid), 'state', trg.tgenabled), true FROM trg
        UNION ALL
        SELECT 'view rule', pg_catalog.format('%s rule %s', rul.name, rul.rulename),
               pg_catalog.concat_ws(' ', pg_catalog.pg_get_ruledef(rul.oid), 'state', rul.ev_enabled), true FROM rul WHERE rul.rulename <> '_RETURN'
        UNION ALL
        SELECT 'view comment', spoken.object, d.description, false
          FROM spoken JOIN pg_catalog.pg_description AS d
            ON d.classoid = spoken.classid AND d.objoid = spoken.objid AND d.objsubid = spoken.objsubid
        UNION ALL
        SELECT 'rule of another relation', pg_catalog.format('%s of %s', r.rulename, r.ev_class::pg_catalog.regclass),
               pg_catalog.concat_ws(' ', pg_catalog.pg_get_ruledef(r.oid), 'state', r.ev_enabled), true
          FROM pg_catalog.pg_rewrite AS r WHERE r.oid = ANY ($2::oid[])
        UNION ALL
        SELECT 'policy of another table', pg_catalog.format('%s of %s', p.polname, p.polrelid::pg_catalog.regclass),
               pg_catalog.concat_ws(' ', p.polcmd, p.polpermissive, p.polroles::text, 'using ' || pg_catalog.pg_get_expr(p.polqual, p.polrelid),
                   'check ' || pg_catalog.pg_get_expr(p.polwithcheck, p.polrelid)), true
          FROM pg_catalog.pg_policy AS p WHERE p.oid = ANY ($3::oid[])
        UNION ALL
        SELECT 'function', u.name,
               pg_catalog.concat_ws(' ', pg_catalog.pg_get_functiondef(p.oid), 'owner', pg_catalog.pg_get_userbyid(p.proowner),
                   (SELECT pg_catalog.string_agg(a::text, ',' ORDER BY a::text)
                      FROM pg_catalog.unnest(coalesce(p.proacl, pg_catalog.acldefault('f', p.proowner))) AS a),
                   (SELECT d.description FROM pg_catalog.pg_description AS d
                     WHERE d.classoid = 'pg_catalog.pg_proc'::pg_catalog.regclass AND d.objoid = p.oid)), true
          FROM pg_catalog.unnest($4::text[]) AS u(name) JOIN pg_catalog.pg_proc AS p ON p.oid = pg_catalog.to_regprocedure(u.name)) AS l
 ORDER BY 1, 2, 4
