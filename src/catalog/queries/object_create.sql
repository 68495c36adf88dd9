-- The statements that make an object again as it is: views, functions, triggers, policies, rules, statistics. None for
-- anything else. Privileges are in object_acl.sql.
-- $1 oid: catalog, $2 oid: row
WITH v AS (
    SELECT c.oid, c.relowner, c.reloptions, pg_catalog.format('%I.%I', n.nspname, c.relname) AS q
      FROM pg_catalog.pg_class AS c JOIN pg_catalog.pg_namespace AS n ON n.oid = c.relnamespace
     WHERE $1::oid = 'pg_catalog.pg_class'::pg_catalog.regclass AND c.oid = $2::oid AND c.relkind = 'v'),
f AS (SELECT p.oid, p.proowner, CASE p.prokind WHEN 'p' THEN 'PROCEDURE ' ELSE 'FUNCTION ' END
             || (pg_catalog.pg_identify_object($1::oid, $2::oid, 0)).identity AS q
        FROM pg_catalog.pg_proc AS p
       WHERE $1::oid = 'pg_catalog.pg_proc'::pg_catalog.regclass AND p.oid = $2::oid AND p.prokind IN ('f', 'p', 'w')),
t AS (SELECT g.oid, g.tgname AS name, g.tgenabled AS enabled, pg_catalog.format('%I.%I', n.nspname, c.relname) AS relation
        FROM pg_catalog.pg_trigger AS g
        JOIN pg_catalog.pg_class AS c ON c.oid = g.tgrelid
        JOIN pg_catalog.pg_namespace AS n ON n.oid = c.relnamespace
       WHERE NOT g.tgisinternal
         AND (g.oid = $2::oid AND $1::oid = 'pg_catalog.pg_trigger'::pg_catalog.regclass
              OR g.tgrelid IN (SELECT v.oid FROM v))),
r AS (SELECT w.oid, w.rulename AS name, w.ev_enabled AS enabled, pg_catalog.format('%I.%I', n.nspname, c.relname) AS relation
        FROM pg_catalog.pg_rewrite AS w
        JOIN pg_catalog.pg_class AS c ON c.oid = w.ev_class
        JOIN pg_catalog.pg_namespace AS n ON n.oid = c.relnamespace
       WHERE w.rulename <> '_RETURN'
         AND (w.oid = $2::oid AND $1::oid = 'pg_catalog.pg_rewrite'::pg_catalog.regclass
              OR w.ev_class IN (SELECT v.oid FROM v))),
p AS (SELECT o.*, pg_catalog.format('%I.%I', n.nspname, c.relname) AS relation
        FROM pg_catalog.pg_policy AS o
        JOIN pg_catalog.pg_class AS c ON c.oid = o.polrelid
        JOIN pg_catalog.pg_namespace AS n ON n.oid = c.relnamespace
       WHERE $1::oid = 'pg_catalog.pg_policy'::pg_catalog.regclass AND o.oid = $2::oid),
s AS (SELECT e.oid, e.stxowner, e.stxstattarget, pg_catalog.format('%I.%I', n.nspname, e.stxname) AS q
        FROM pg_catalog.pg_statistic_ext AS e JOIN pg_catalog.pg_namespace AS n ON n.oid = e.stxnamespace
       WHERE $1::oid = 'pg_catalog.pg_statistic_ext'::pg_catalog.regclass AND e.oid = $2::oid),
state(letter, words) AS (VALUES ('D', 'DISABLE'), ('R', 'ENABLE REPLICA'), ('A', 'ENABLE ALWAYS')),
lines(part, n, sql) AS (
    SELECT 1, 0, pg_catalog.format('CREATE VIEW %s%s AS %s', v.q,
             (SELECT ' WITH (' || string_agg(pg_catalog.format('%I=%L', o.option_name, o.option_value), ', ') || ')'
                FROM pg_catalog.pg_options_to_table(v.reloptions) AS o),
             pg_catalog.rtrim(pg_catalog.pg_get_viewdef(v.oid), ';')) FROM v
    UNION ALL
    SELECT 1, 0, pg_catalog.pg_get_functiondef(f.oid) FROM f
    UNION ALL
    SELECT 1, 0, pg_catalog.format('CREATE POLICY %I ON %s AS %s FOR %s TO %s%s%s', p.polname, p.relation,
             CASE WHEN p.polpermissive THEN 'PERMISSIVE' ELSE 'RESTRICTIVE' END,
             CASE p.polcmd WHEN 'r' THEN 'SELECT' WHEN 'a' THEN 'INSERT' WHEN 'w' THEN 'UPDATE' WHEN 'd' THEN 'DELETE' ELSE 'ALL' END,
             (SELECT string_agg(CASE u.oid WHEN 0 THEN 'PUBLIC' ELSE pg_catalog.quote_ident(pg_catalog.pg_get_userbyid(u.oid)) END, ', '
                                ORDER BY u.n) FROM pg_catalog.unnest(p.polroles) WITH ORDINALITY AS u(oid, n)),
             ' USING (' || pg_catalog.pg_get_expr(p.polqual, p.polrelid) || ')',
             ' WITH CHECK (' || pg_catalog.pg_get_expr(p.polwithcheck, p.polrelid) || ')') FROM p
    UNION ALL
    SELECT 1, 0, pg_catalog.pg_get_statisticsobjdef(s.oid) FROM s
    UNION ALL
    SELECT 2, a.attnum, pg_catalog.format('ALTER VIEW %s ALTER COLUMN %I SET DEFAULT %s', v.q, a.attname,
                                         pg_catalog.pg_get_expr(d.adbin, d.adrelid))
      FROM v JOIN pg_catalog.pg_attrdef AS d ON d.adrelid = v.oid
      JOIN pg_catalog.pg_attribute AS a ON a.attrelid = v.oid AND a.attnum = d.adnum
    UNION ALL
    SELECT 2, 0, pg_catalog.format('ALTER STATISTICS %s SET STATISTICS %s', s.q, s.stxstattarget) FROM s WHERE s.stxstattarget >= 0
    UNION ALL
    SELECT 3, r.oid::bigint, pg_catalog.rtrim(pg_catalog.pg_get_ruledef(r.oid), ';') FROM r
    UNION ALL
    SELECT 3, t.oid::bigint, pg_catalog.pg_get_triggerdef(t.oid) FROM t
    UNION ALL
    SELECT 4, r.oid::bigint, pg_catalog.format('ALTER TABLE %s %s RULE %I', r.relation, e.words, r.name)
      FROM r JOIN state AS e ON e.letter = r.enabled::text
    UNION ALL
    SELECT 4, t.oid::bigint, pg_catalog.format('ALTER TABLE %s %s TRIGGER %I', t.relation, e.words, t.name)
      FROM t JOIN state AS e ON e.letter = t.enabled::text
    UNION ALL
    SELECT 5, 0, pg_catalog.format('COMMENT ON %s IS %L', x.what, d.description)
      FROM (SELECT 'pg_catalog.pg_class'::pg_catalog.regclass AS class, v.oid, 'VIEW ' || v.q AS what FROM v
            UNION ALL SELECT 'pg_catalog.pg_proc', f.oid, f.q FROM f
            UNION ALL SELECT 'pg_catalog.pg_trigger', t.oid, pg_catalog.format('TRIGGER %I ON %s', t.name, t.relation) FROM t
            UNION ALL SELECT 'pg_catalog.pg_rewrite', r.oid, pg_catalog.format('RULE %I ON %s', r.name, r.relation) FROM r
            UNION ALL SELECT 'pg_catalog.pg_policy', p.oid, pg_catalog.format('POLICY %I ON %s', p.polname, p.relation) FROM p
            UNION ALL SELECT 'pg_catalog.pg_statistic_ext', s.oid, 'STATISTICS ' || s.q FROM s) AS x
      JOIN pg_catalog.pg_description AS d ON d.classoid = x.class AND d.objoid = x.oid AND d.objsubid = 0
    UNION ALL
    SELECT 5, a.attnum, pg_catalog.format('COMMENT ON COLUMN %s.%I IS %L', v.q, a.attname, d.description)
      FROM v JOIN pg_catalog.pg_description AS d
        ON d.classoid = 'pg_catalog.pg_class'::pg_catalog.regclass AND d.objoid = v.oid AND d.objsubid > 0
      JOIN pg_catalog.pg_attribute AS a ON a.attrelid = v.oid AND a.attnum = d.objsubid
    UNION ALL
    -- Last of its own: from here on it is somebody else's.
    SELECT 6, 0, pg_catalog.format('ALTER %s OWNER TO %I', x.what, pg_catalog.pg_get_userbyid(x.owner))
      FROM (SELECT 'VIEW ' || v.q AS what, v.relowner AS owner FROM v
            UNION ALL SELECT f.q, f.proowner FROM f
            UNION ALL SELECT 'STATISTICS ' || s.q, s.stxowner FROM s) AS x
     WHERE pg_catalog.pg_get_userbyid(x.owner) <> current_user)
SELECT l.sql,
       NOT EXISTS (SELECT FROM pg_catalog.pg_depend AS d
                    WHERE d.classid = $1::oid AND d.objid = $2::oid AND d.deptype IN ('e', 'x'))
       AND NOT EXISTS (SELECT FROM pg_catalog.pg_seclabel AS x WHERE x.classoid = $1::oid AND x.objoid = $2::oid) AS is_exact
  FROM lines AS l
 ORDER BY l.part, l.n
