-- The statements of a cut-over for what is printed from a query that reads the table, and lives elsewhere, by `place` (swap_script.sql).
-- $1 oid[]: views to be dropped and made again, the lowest first; $2 oid[]: views to be replaced in place; $3 oid[]: rules of
-- other relations; $4 oid[]: policies of other tables; $5 oid[]: functions with a SQL body; $6 oid[]: functions to be dropped and made again
WITH v AS (
    SELECT c.*, o.n, o.is_dropped, pg_catalog.format('%I.%I', n.nspname, c.relname) AS name,
           pg_catalog.format('VIEW %I.%I%s AS %s', n.nspname, c.relname,
               ' WITH (' || (SELECT pg_catalog.string_agg(pg_catalog.format('%I = %L', p.option_name, p.option_value), ', ')
                               FROM pg_catalog.pg_options_to_table(c.reloptions) AS p) || ')',
               pg_catalog.rtrim(pg_catalog.pg_get_viewdef(c.oid), ';')) AS definition
      FROM (SELECT d.oid, d.n, true AS is_dropped FROM pg_catalog.unnest($1::oid[]) WITH ORDINALITY AS d(oid, n)
            UNION ALL
            SELECT r.oid, r.n, false FROM pg_catalog.unnest($2::oid[]) WITH ORDINALITY AS r(oid, n)) AS o
      JOIN pg_catalog.pg_class AS c ON c.oid = o.oid
      JOIN pg_catalog.pg_namespace AS n ON n.oid = c.relnamespace
), d AS (
    SELECT * FROM v WHERE v.is_dropped
), gives AS (
    SELECT d.oid, d.name, d.relowner, e.grantee, e.grantor, e.is_grantable, min(e.n) AS n,
           pg_catalog.string_agg(e.privilege_type, ', ' ORDER BY e.n) AS privileges
      FROM d CROSS JOIN LATERAL pg_catalog.aclexplode(coalesce(d.relacl, pg_catalog.acldefault('r', d.relowner)))
           WITH ORDINALITY AS e(grantor, grantee, privilege_type, is_grantable, n)
     GROUP BY 1, 2, 3, 4, 5, 6
    UNION ALL
    SELECT d.oid, d.name, d.relowner, e.grantee, e.grantor, e.is_grantable, 1000 + a.attnum * 1000 + min(e.n),
           pg_catalog.string_agg(pg_catalog.format('%s (%I)', e.privilege_type, a.attname), ', ' ORDER BY e.n)
      FROM d JOIN pg_catalog.pg_attribute AS a ON a.attrelid = d.oid AND a.attacl IS NOT NULL AND a.attnum > 0
     CROSS JOIN LATERAL pg_catalog.aclexplode(a.attacl) WITH ORDINALITY AS e(grantor, grantee, privilege_type, is_grantable, n)
     GROUP BY 1, 2, 3, 4, 5, 6, a.attnum
), spoken(target, classid, objid, objsubid) AS (
    SELECT 'VIEW ' || d.name, 'pg_catalog.pg_class'::pg_catalog.regclass, d.oid, 0 FROM d
    UNION ALL SELECT pg_catalog.format('COLUMN %s.%I', d.name, a.attname), 'pg_catalog.pg_class'::pg_catalog.regclass, d.oid, a.attnum
      FROM d JOIN pg_catalog.pg_attribute AS a ON a.attrelid = d.oid AND a.attnum > 0
    UNION ALL SELECT pg_catalog.format('TRIGGER %I ON %s', g.tgname, d.name), 'pg_catalog.pg_trigger'::pg_catalog.regclass, g.oid, 0
      FROM d JOIN pg_catalog.pg_trigger AS g ON g.tgrelid = d.oid AND NOT g.tgisinternal
    UNION ALL SELECT pg_catalog.format('RULE %I ON %s', r.rulename, d.name), 'pg_catalog.pg_rewrite'::pg_catalog.regclass, r.oid, 0
      FROM d JOIN pg_catalog.pg_rewrite AS r ON r.ev_class = d.oid
), f AS (
    SELECT p.*, u.n, p.oid::pg_catalog.regprocedure::text AS name, coalesce(p.proacl, pg_catalog.acldefault('f', p.proowner)) AS acl
      FROM pg_catalog.unnest($6::oid[]) WITH ORDINALITY AS u(oid, n) JOIN pg_catalog.pg_proc AS p ON p.oid = u.oid
)
SELECT s.place, s.sql, CASE WHEN s.place IN (601, 602, 610, 620, 622, 702, 712, 720) THEN s.thing END AS thing FROM (
    SELECT 600 AS place, -d.n AS turn, 'DROP VIEW ' || d.name AS sql, '' AS thing FROM d
    UNION ALL SELECT 601, 10 * d.n, 'CREATE ' || d.definition, d.name FROM d
    UNION ALL SELECT 601, 10 * d.n + 1, pg_catalog.format('ALTER VIEW %s OWNER TO %I', d.name, pg_catalog.pg_get_userbyid(d.relowner)), 'owner ' || d.name
      FROM d WHERE d.relowner <> current_user::pg_catalog.regrole::oid
    -- A view that reads another's column default is none: defaults come when all views are there.
    UNION ALL SELECT 602, d.n, pg_catalog.format('ALTER VIEW %s ALTER COLUMN %I SET DEFAULT %s', d.name, a.attname, pg_catalog.pg_get_expr(f.adbin, f.adrelid)),
                     d.name || ' ' || a.attname
      FROM d JOIN pg_catalog.pg_attrdef AS f ON f.adrelid = d.oid
      JOIN pg_catalog.pg_attribute AS a ON a.attrelid = d.oid AND a.attnum = f.adnum
    UNION ALL SELECT 610, v.n, 'CREATE OR REPLACE ' || v.definition, v.name FROM v WHERE NOT v.is_dropped
    UNION ALL SELECT 620, d.n, pg_catalog.rtrim(pg_catalog.pg_get_ruledef(r.oid), ';'), d.name || ' ' || r.rulename
      FROM d JOIN pg_catalog.pg_rewrite AS r ON r.ev_class = d.oid AND r.rulename <> '_RETURN'
    UNION ALL SELECT 622, d.n, pg_catalog.pg_get_triggerdef(g.oid), d.name || ' ' || g.tgname
      FROM d JOIN pg_catalog.pg_trigger AS g ON g.tgrelid = d.oid AND NOT g.tgisinternal
    UNION ALL SELECT 702, u.n, 'CREATE OR REPLACE' || pg_catalog.substr(pg_catalog.rtrim(pg_catalog.pg_get_ruledef(r.oid), ';'), 7),
                     u.oid::text
      FROM pg_catalog.unnest($3::oid[]) WITH ORDINALITY AS u(oid, n) JOIN pg_catalog.pg_rewrite AS r ON r.oid = u.oid
    UNION ALL SELECT 712, u.n, pg_catalog.format('ALTER POLICY %I ON %s', p.polname, p.polrelid::pg_catalog.regclass)
                || coalesce(' USING (' || pg_catalog.pg_get_expr(p.polqual, p.polrelid) || ')', '')
                || coalesce(' WITH CHECK (' || pg_catalog.pg_get_expr(p.polwithcheck, p.polrelid) || ')', ''), u.oid::text
      FROM pg_catalog.unnest($4::oid[]) WITH ORDINALITY AS u(oid, n) JOIN pg_catalog.pg_policy AS p ON p.oid = u.oid
    UNION ALL SELECT 720, u.n, pg_catalog.pg_get_functiondef(u.oid), u.oid::text FROM pg_catalog.unnest($5::oid[]) WITH ORDINALITY AS u(oid, n)
    -- While its signature still is the one that was read.
    UNION ALL SELECT 350, f.n, 'DROP ROUTINE ' || f.name, '' FROM f
    UNION ALL SELECT 720, 1000000 + f.n, pg_catalog.pg_get_functiondef(f.oid), f.name FROM f
    UNION ALL SELECT 721, f.n, pg_catalog.format('ALTER ROUTINE %s OWNER TO %I', f.name, pg_catalog.pg_get_userbyid(f.proowner)), ''
      FROM f WHERE f.proowner <> current_user::pg_catalog.regrole::oid
    UNION ALL SELECT 722, f.n, pg_catalog.format('REVOKE ALL ON ROUTINE %s FROM %s CASCADE', f.name,
                CASE g.grantee WHEN 0 THEN 'PUBLIC' ELSE pg_catalog.quote_ident(pg_catalog.pg_get_userbyid(g.grantee)) END), ''
      FROM f CROSS JOIN LATERAL (
           SELECT e.grantee FROM pg_catalog.pg_default_acl AS a CROSS JOIN LATERAL pg_catalog.aclexplode(a.defaclacl) AS e WHERE a.defaclobjtype = 'f'
           UNION VALUES (0::oid), (f.proowner)) AS g
    UNION ALL SELECT 723, 1000 * f.n + e.n, CASE WHEN e.grantor <> f.proowner THEN
                pg_catalog.format('SET LOCAL ROLE %I; ', pg_catalog.pg_get_userbyid(e.grantor)) ELSE '' END
             || pg_catalog.format('GRANT %s ON ROUTINE %s TO %s%s', e.privilege_type, f.name,
                    CASE e.grantee WHEN 0 THEN 'PUBLIC' ELSE pg_catalog.quote_ident(pg_catalog.pg_get_userbyid(e.grantee)) END,
                    CASE WHEN e.is_grantable THEN ' WITH GRANT OPTION' END)
             || CASE WHEN e.grantor <> f.proowner THEN '; SET LOCAL ROLE ' || CASE pg_catalog.current_setting('role')
                    WHEN 'none' THEN 'NONE' ELSE pg_catalog.quote_ident(pg_catalog.current_setting('role')) END ELSE '' END, ''
      FROM f CROSS JOIN LATERAL pg_catalog.aclexplode(f.acl) WITH ORDINALITY AS e(grantor, grantee, privilege_type, is_grantable, n)
    UNION ALL SELECT 724, f.n, pg_catalog.format('COMMENT ON ROUTINE %s IS %L', f.name, c.description), ''
      FROM f JOIN pg_catalog.pg_description AS c ON c.classoid = 'pg_catalog.pg_proc'::pg_catalog.regclass AND c.objoid = f.oid
    -- What default privileges gave, and the owner's own.
    UNION ALL SELECT 800, d.n, pg_catalog.format('REVOKE ALL ON TABLE %s FROM %s CASCADE', d.name,
                CASE g.grantee WHEN 0 THEN 'PUBLIC' ELSE pg_catalog.quote_ident(pg_catalog.pg_get_userbyid(g.grantee)) END), ''
      FROM d CROSS JOIN LATERAL (
           SELECT e.grantee FROM pg_catalog.pg_default_acl AS a CROSS JOIN LATERAL pg_catalog.aclexplode(a.defaclacl) AS e WHERE a.defaclobjtype = 'r'
           UNION
           SELECT d.relowner) AS g
     WHERE d.relacl IS NOT NULL OR EXISTS (SELECT FROM pg_catalog.pg_default_acl AS a WHERE a.defaclobjtype = 'r')
    UNION ALL SELECT 801 + gives.n, 0, CASE WHEN gives.grantor <> gives.relowner THEN
                pg_catalog.format('SET LOCAL ROLE %I; ', pg_catalog.pg_get_userbyid(gives.grantor)) ELSE '' END
             || pg_catalog.format('GRANT %s ON TABLE %s TO %s%s', gives.privileges, gives.name,
                    CASE gives.grantee WHEN 0 THEN 'PUBLIC' ELSE pg_catalog.quote_ident(pg_catalog.pg_get_userbyid(gives.grantee)) END,
                    CASE WHEN gives.is_grantable THEN ' WITH GRANT OPTION' END)
             || CASE WHEN gives.grantor <> gives.relowner THEN '; SET LOCAL ROLE ' || CASE pg_catalog.current_setting('role')
                    WHEN 'none' THEN 'NONE' ELSE pg_catalog.quote_ident(pg_catalog.current_setting('role')) END ELSE '' END, ''
      FROM gives
    UNION ALL SELECT 10000009, 0, pg_catalog.format('COMMENT ON %s IS %L', spoken.target, c.description), ''
      FROM spoken JOIN pg_catalog.pg_description AS c ON c.classoid = spoken.classid AND c.objoid = spoken.objid AND c.objsubid = spoken.objsubid
) AS s
 ORDER BY s.place, s.turn, s.sql
