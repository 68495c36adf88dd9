-- The statements of a cut-over but those for views and other tables' rules, by `place`. Read while both tables are locked and nothing has
-- moved; from place 400 on the incoming table has the outgoing one's name, so that definitions printed before mean it. Those of place
-- 20000000 are not run but noted: what was proven before and must be proven again. `thing` names what is printed from an expression.
-- $1 oid of the outgoing table, $2 oid of the incoming one, $3 publication of the rewrite's slot or ''
WITH x AS (
    SELECT c.*, n.nspname, pg_catalog.format('%I.%I', n.nspname, c.relname) AS name
      FROM pg_catalog.pg_class AS c JOIN pg_catalog.pg_namespace AS n ON n.oid = c.relnamespace WHERE c.oid = $1::oid
), y AS (
    SELECT c.*, n.nspname, pg_catalog.format('%I.%I', n.nspname, c.relname) AS name,
           -- Where the outgoing table waits until its new place is free: in the journal's schema, unless a name is taken there. Making
           -- a schema would cost the session all its plans (PlanCacheSysCallback on pg_namespace), and them again after the move.
           w.hold, w.hold <> 'pgseam' AS is_made
      FROM pg_catalog.pg_class AS c JOIN pg_catalog.pg_namespace AS n ON n.oid = c.relnamespace
     CROSS JOIN LATERAL (
           SELECT CASE WHEN j.oid IS NOT NULL AND pg_catalog.has_schema_privilege(j.oid, 'CREATE') AND NOT EXISTS (
                      SELECT FROM pg_catalog.pg_class AS o JOIN pg_catalog.pg_class AS h ON h.relname = o.relname AND h.relnamespace = j.oid
                       WHERE o.oid = $1::oid
                          OR o.oid IN (SELECT i.indexrelid FROM pg_catalog.pg_index AS i WHERE i.indrelid = $1::oid)
                          OR o.oid IN (SELECT d.objid FROM pg_catalog.pg_depend AS d
                                        WHERE d.refobjid = $1::oid AND d.classid = 'pg_catalog.pg_class'::pg_catalog.regclass AND d.deptype = 'i'))
                      AND NOT EXISTS (
                      SELECT FROM pg_catalog.pg_class AS o JOIN pg_catalog.pg_type AS y ON y.oid = o.reltype
                        JOIN pg_catalog.pg_type AS a ON a.oid IN (y.oid, y.typarray)
                        JOIN pg_catalog.pg_type AS h ON h.typname = a.typname AND h.typnamespace = j.oid
                       WHERE o.oid = $1::oid)
                  THEN 'pgseam' ELSE pg_catalog.quote_ident(pg_catalog.left(n.nspname, 55) || '_hold') END AS hold
             FROM (SELECT (SELECT g.oid FROM pg_catalog.pg_namespace AS g WHERE g.nspname = 'pgseam') AS oid) AS j) AS w
     WHERE c.oid = $2::oid
), col AS (
    SELECT a.attname, a.attnum AS xnum, b.attnum AS ynum
      FROM pg_catalog.pg_attribute AS a
      JOIN pg_catalog.pg_attribute AS b ON b.attrelid = $2::oid AND b.attname = a.attname AND b.attnum > 0 AND NOT b.attisdropped
     WHERE a.attrelid = $1::oid AND a.attnum > 0 AND NOT a.attisdropped
), seq AS (
    SELECT d.refobjid AS owner_table, d.refobjsubid, d.deptype, c.oid, c.relname, c.relacl, c.relowner, n.nspname,
           pg_catalog.format('%I.%I', n.nspname, c.relname) AS name, s.*,
           CASE s.seqtypid WHEN 21 THEN 32767 WHEN 23 THEN 2147483647 ELSE 9223372036854775807 END AS greatest
      FROM pg_catalog.pg_depend AS d
      JOIN pg_catalog.pg_class AS c ON c.oid = d.objid AND c.relkind = 'S'
      JOIN pg_catalog.pg_namespace AS n ON n.oid = c.relnamespace
      JOIN pg_catalog.pg_sequence AS s ON s.seqrelid = c.oid
     WHERE d.classid = 'pg_catalog.pg_class'::pg_catalog.regclass AND d.refclassid = 'pg_catalog.pg_class'::pg_catalog.regclass
       AND d.refobjid IN ($1::oid, $2::oid) AND d.deptype IN ('a', 'i')
), serial AS (
    SELECT seq.*, col.attname FROM seq JOIN col ON col.xnum = seq.refobjsubid WHERE seq.owner_table = $1::oid AND seq.deptype = 'a'
), ident AS (
    SELECT o.name, o.oid AS x_oid, i.oid AS y_oid, o.relname AS x_name, i.relname AS y_name, o.deptype, o.relacl AS x_acl, i.relacl AS y_acl,
           o.relowner, o.seqcache, o.seqincrement, o.seqstart, o.seqcycle, col.attname,
           pg_catalog.current_setting('max_connections')::numeric * o.seqcache * o.seqincrement AS margin,
           ROW(i.seqincrement, i.seqmin, i.seqmax, i.seqstart, i.seqcache, i.seqcycle) AS y_options,
           CASE WHEN o.seqmax = o.greatest AND o.seqincrement > 0 THEN i.greatest ELSE o.seqmax END AS seqmax,
           CASE WHEN o.seqmin = -o.greatest - 1 AND o.seqincrement < 0 THEN -i.greatest - 1 ELSE o.seqmin END AS seqmin
      FROM col JOIN seq AS o ON o.owner_table = $1::oid AND o.refobjsubid = col.xnum
      JOIN seq AS i ON i.owner_table = $2::oid AND i.refobjsubid = col.ynum AND i.deptype = 'i'
), fk AS (
    SELECT k.oid, k.conname, k.conrelid = $1::oid AS is_own, k.convalidated, k.conrelid::pg_catalog.regclass::text AS child,
           pg_catalog.pg_get_constraintdef(k.oid) AS definition
      FROM pg_catalog.pg_constraint AS k
     WHERE k.contype = 'f' AND k.conparentid = 0 AND (k.conrelid = $1::oid OR k.confrelid = $1::oid)
), trg AS (
    SELECT g.* FROM pg_catalog.pg_trigger AS g JOIN pg_catalog.pg_proc AS p ON p.oid = g.tgfoid, y
     WHERE g.tgrelid = $1::oid AND NOT g.tgisinternal
       -- Capture by triggers, not the user's.
       AND NOT (g.tgname LIKE 'pgseam\_%' AND p.pronamespace = y.relnamespace)
), stat AS (
    SELECT o.oid, i.oid AS y_oid, o.stxname, pg_catalog.format('%I.%I', n.nspname, o.stxname) AS name, n.nspname, o.stxowner,
           NULLIF(o.stxstattarget, -1) AS target, i.stxowner AS y_owner, NULLIF(i.stxstattarget, -1) AS y_target,
           pg_catalog.format('pgseam_stat_%s', i.oid) AS between
      FROM pg_catalog.pg_statistic_ext AS o
      JOIN pg_catalog.pg_namespace AS n ON n.oid = o.stxnamespace
      LEFT JOIN pg_catalog.pg_statistic_ext AS i ON i.stxrelid = $2::oid AND i.stxname = o.stxname
     WHERE o.stxrelid = $1::oid
), acl AS (
    SELECT 'TABLE ' || x.name AS target, NULL::name AS attname, x.relowner AS owner, x.relacl AS x_acl, y.relacl AS y_acl,
           pg_catalog.acldefault('r', x.relowner) AS built_in,
           EXISTS (SELECT FROM pg_catalog.pg_attribute AS a WHERE a.attrelid = y.oid AND a.attacl IS NOT NULL AND a.attnum > 0) AS has_columns
      FROM x, y
    UNION ALL
    SELECT pg_catalog.format('SEQUENCE %I.%I', x.nspname, ident.x_name), NULL, ident.relowner, ident.x_acl, ident.y_acl,
           pg_catalog.acldefault('s', ident.relowner), false
      FROM ident, x WHERE ident.deptype = 'i'
), takes AS (
    SELECT acl.target, g.grantee
      FROM acl CROSS JOIN LATERAL (
           SELECT e.grantee FROM pg_catalog.aclexplode(acl.y_acl) AS e
           UNION
           SELECT e.grantee FROM pg_catalog.pg_attribute AS a, pg_catalog.aclexplode(a.attacl) AS e
            WHERE acl.has_columns AND a.attrelid = $2::oid AND a.attnum > 0
           UNION
           SELECT acl.owner) AS g
     WHERE acl.x_acl IS DISTINCT FROM acl.y_acl OR acl.has_columns
), gives AS (
    SELECT acl.target, acl.owner, e.grantee, e.grantor, e.is_grantable, min(e.n) AS n,
           pg_catalog.string_agg(e.privilege_type, ', ' ORDER BY e.n) AS privileges
      FROM acl CROSS JOIN LATERAL pg_catalog.aclexplode(coalesce(acl.x_acl, acl.built_in)) WITH ORDINALITY
           AS e(grantor, grantee, privilege_type, is_grantable, n)
     WHERE acl.x_acl IS DISTINCT FROM acl.y_acl OR acl.has_columns
     GROUP BY 1, 2, 3, 4, 5
    UNION ALL
    SELECT 'TABLE ' || x.name, x.relowner, e.grantee, e.grantor, e.is_grantable, 1000 + a.attnum * 1000 + min(e.n),
           pg_catalog.string_agg(pg_catalog.format('%s (%I)', e.privilege_type, a.attname), ', ' ORDER BY e.n)
      FROM x JOIN pg_catalog.pg_attribute AS a ON a.attrelid = x.oid AND a.attacl IS NOT NULL AND a.attnum > 0
      JOIN col ON col.xnum = a.attnum
     CROSS JOIN LATERAL pg_catalog.aclexplode(a.attacl) WITH ORDINALITY AS e(grantor, grantee, privilege_type, is_grantable, n)
     GROUP BY 1, 2, 3, 4, 5, a.attnum
), spoken(table_oid, target, classid, objid, objsubid, is_remade) AS (
    SELECT x.oid, 'TABLE ' || x.name, 'pg_catalog.pg_class'::pg_catalog.regclass, x.oid, 0, false FROM x
    UNION ALL SELECT y.oid, 'TABLE ' || x.name, 'pg_catalog.pg_class'::pg_catalog.regclass, y.oid, 0, false FROM x, y
    UNION ALL
    SELECT a.attrelid, pg_catalog.format('COLUMN %s.%I', x.name, a.attname), 'pg_catalog.pg_class'::pg_catalog.regclass, a.attrelid, a.attnum, false
      FROM x, pg_catalog.pg_attribute AS a WHERE a.attrelid IN ($1::oid, $2::oid) AND a.attnum > 0 AND NOT a.attisdropped
    UNION ALL
    SELECT i.indrelid, pg_catalog.format('INDEX %I.%I', x.nspname, c.relname), 'pg_catalog.pg_class'::pg_catalog.regclass, c.oid, 0, false
      FROM x, pg_catalog.pg_index AS i JOIN pg_catalog.pg_class AS c ON c.oid = i.indexrelid WHERE i.indrelid IN ($1::oid, $2::oid)
    UNION ALL
    SELECT k.conrelid, pg_catalog.format('CONSTRAINT %I ON %s', k.conname, x.name), 'pg_catalog.pg_constraint'::pg_catalog.regclass, k.oid, 0,
           k.contype = 'f'
      FROM x, pg_catalog.pg_constraint AS k WHERE k.conrelid IN ($1::oid, $2::oid) AND k.contype <> 't'
    UNION ALL
    SELECT $1::oid, pg_catalog.format('CONSTRAINT %I ON %s', fk.conname, fk.child), 'pg_catalog.pg_constraint'::pg_catalog.regclass, fk.oid, 0, true
      FROM fk WHERE NOT fk.is_own
    UNION ALL
    SELECT g.tgrelid, pg_catalog.format('TRIGGER %I ON %s', g.tgname, x.name), 'pg_catalog.pg_trigger'::pg_catalog.regclass, g.oid, 0, true
      FROM x, trg AS g
    UNION ALL
    SELECT r.ev_class, pg_catalog.format('RULE %I ON %s', r.rulename, x.name), 'pg_catalog.pg_rewrite'::pg_catalog.regclass, r.oid, 0, true
      FROM x, pg_catalog.pg_rewrite AS r WHERE r.ev_class = $1::oid
    UNION ALL
    SELECT p.polrelid, pg_catalog.format('POLICY %I ON %s', p.polname, x.name), 'pg_catalog.pg_policy'::pg_catalog.regclass, p.oid, 0, true
      FROM x, pg_catalog.pg_policy AS p WHERE p.polrelid = $1::oid
    UNION ALL
    SELECT $1::oid, 'STATISTICS ' || stat.name, 'pg_catalog.pg_statistic_ext'::pg_catalog.regclass, stat.oid, 0, true FROM stat
    UNION ALL
    SELECT $2::oid, 'STATISTICS ' || stat.name, 'pg_catalog.pg_statistic_ext'::pg_catalog.regclass, stat.y_oid, 0, true
      FROM stat WHERE stat.y_oid IS NOT NULL
    UNION ALL
    SELECT s.t, pg_catalog.format('SEQUENCE %I.%I', x.nspname, ident.x_name), 'pg_catalog.pg_class'::pg_catalog.regclass, s.o, 0, false
      FROM x, ident CROSS JOIN LATERAL (VALUES ($1::oid, ident.x_oid), ($2::oid, ident.y_oid)) AS s(t, o) WHERE ident.deptype = 'i'
    UNION ALL
    SELECT s.t, pg_catalog.format('TYPE %s', x.name), 'pg_catalog.pg_type'::pg_catalog.regclass, s.o, 0, false
      FROM x, y CROSS JOIN LATERAL (VALUES ($1::oid, x.reltype), ($2::oid, y.reltype)) AS s(t, o)
), comment AS (
    SELECT spoken.*, d.description FROM spoken LEFT JOIN pg_catalog.pg_description AS d
        ON d.classoid = spoken.classid AND d.objoid = spoken.objid AND d.objsubid = spoken.objsubid
)
SELECT s.place, s.sql, CASE WHEN s.place IN (700, 710, 10000001, 10000002) THEN s.by END AS thing FROM (
    -- ALTER SEQUENCE keeps nextval() out until we commit, which a table's lock does not; an identity's sequence moves with its table.
    SELECT 100 AS place, pg_catalog.format('ALTER SEQUENCE %s OWNED BY NONE', serial.name) AS sql, serial.name AS by FROM serial
    UNION ALL SELECT 200, pg_catalog.format('ALTER TABLE %s DROP CONSTRAINT %I', fk.child, fk.conname), fk.child FROM fk
    UNION ALL SELECT 300, pg_catalog.format('DROP TRIGGER %I ON %s', trg.tgname, x.name), '' FROM trg, x
    UNION ALL SELECT 300, pg_catalog.format('DROP RULE %I ON %s', r.rulename, x.name), ''
      FROM x JOIN pg_catalog.pg_rewrite AS r ON r.ev_class = x.oid
    UNION ALL SELECT 300, pg_catalog.format('DROP POLICY %I ON %s', p.polname, x.name), ''
      FROM x JOIN pg_catalog.pg_policy AS p ON p.polrelid = x.oid
    UNION ALL SELECT 300, pg_catalog.format('ALTER TABLE %s DISABLE ROW LEVEL SECURITY, NO FORCE ROW LEVEL SECURITY', x.name), ''
      FROM x WHERE x.relrowsecurity OR x.relforcerowsecurity
    UNION ALL SELECT 300, pg_catalog.format('ALTER PUBLICATION %I DROP TABLE %s', p.pubname, x.name), ''
      FROM x JOIN pg_catalog.pg_publication_rel AS r ON r.prrelid = x.oid JOIN pg_catalog.pg_publication AS p ON p.oid = r.prpubid
     WHERE p.pubname <> $3
    UNION ALL SELECT 400 + m.n, m.sql, '' FROM x, y CROSS JOIN LATERAL (VALUES
        (0, 'CREATE SCHEMA ' || y.hold),
        (1, pg_catalog.format('ALTER TABLE %s SET SCHEMA %s', x.name, y.hold)),
        (2, pg_catalog.format('ALTER TABLE %s SET SCHEMA %I', y.name, x.nspname)),
        (3, pg_catalog.format('ALTER TABLE %s.%I SET SCHEMA %I', y.hold, x.relname, y.nspname)),
        (4, 'DROP SCHEMA ' || y.hold)) AS m(n, sql)
     WHERE y.is_made OR m.n BETWEEN 1 AND 3
    UNION ALL SELECT 500, pg_catalog.format('ALTER SEQUENCE %I.%I RENAME TO %I', x.nspname, ident.y_name, ident.x_name), ident.name
      FROM x, ident WHERE ident.deptype = 'i' AND ident.y_name <> ident.x_name
    UNION ALL SELECT 501, pg_catalog.format('ALTER SEQUENCE %I.%I INCREMENT BY %s MINVALUE %s MAXVALUE %s START WITH %s RESTART WITH %6$s CACHE %s %s',
                                            x.nspname, ident.x_name, ident.seqincrement, ident.seqmin, ident.seqmax, ident.seqstart, ident.seqcache,
                                            CASE WHEN ident.seqcycle THEN 'CYCLE' ELSE 'NO CYCLE' END), ident.name
      FROM x, ident
     WHERE ident.deptype = 'i' AND ident.y_options IS DISTINCT FROM
           ROW(ident.seqincrement, ident.seqmin, ident.seqmax, ident.seqstart, ident.seqcache, ident.seqcycle)
    -- Whoever waits for the old sequence, having looked up its name, still takes values from it once we have committed: the new one goes on
    -- behind what they could take, but by no more than half of what is left.
    UNION ALL SELECT 502, pg_catalog.format('SELECT pg_catalog.setval(%L::pg_catalog.regclass, CASE WHEN s.is_called THEN %s ELSE s.last_value END,'
                                            ' s.is_called) FROM %s AS s',
                                            pg_catalog.format('%I.%I', x.nspname, CASE ident.deptype WHEN 'i' THEN ident.x_name ELSE ident.y_name END),
                                            CASE WHEN ident.seqincrement > 0
                                                 THEN pg_catalog.format('(s.last_value + LEAST(%s, pg_catalog.div(%s - s.last_value::numeric, 2)))::bigint', ident.margin, ident.seqmax)
                                                 ELSE pg_catalog.format('(s.last_value + GREATEST(%s, pg_catalog.div(%s - s.last_value::numeric, 2)))::bigint', ident.margin, ident.seqmin) END,
                                            CASE ident.deptype WHEN 'i' THEN pg_catalog.format('%I.%I', y.nspname, ident.x_name) ELSE ident.name END),
                     ident.name
      FROM x, y, ident
    UNION ALL SELECT 503, pg_catalog.format('ALTER SEQUENCE %s OWNED BY %s.%I', serial.name, x.name, serial.attname), serial.name FROM serial, x
    UNION ALL SELECT 510, pg_catalog.format('ALTER TABLE %s ', x.name) || CASE WHEN a.option IS NULL
                THEN pg_catalog.format('RESET (%sautovacuum_enabled)', w.prefix)
                ELSE pg_catalog.format('SET (%sautovacuum_enabled = %L)', w.prefix, pg_catalog.split_part(a.option, '=', 2)) END, w.prefix
      FROM x CROSS JOIN y
      LEFT JOIN pg_catalog.pg_class AS xt ON xt.oid = x.reltoastrelid
      LEFT JOIN pg_catalog.pg_class AS yt ON yt.oid = y.reltoastrelid
     CROSS JOIN LATERAL (VALUES ('', x.reloptions, y.reloptions), ('toast.', xt.reloptions, yt.reloptions)) AS w(prefix, x_options, y_options)
     CROSS JOIN LATERAL (
           SELECT (SELECT o FROM pg_catalog.unnest(w.x_options) AS o WHERE o LIKE 'autovacuum\_enabled=%') AS option,
                  (SELECT o FROM pg_catalog.unnest(w.y_options) AS o WHERE o LIKE 'autovacuum\_enabled=%') AS y_option) AS a
     WHERE a.option IS DISTINCT FROM a.y_option
    UNION ALL SELECT 550, pg_catalog.format('DROP STATISTICS %I.%I', n.nspname, i.stxname), ''
      FROM pg_catalog.pg_statistic_ext AS i JOIN pg_catalog.pg_namespace AS n ON n.oid = i.stxnamespace
     WHERE i.stxrelid = $2::oid AND NOT EXISTS (SELECT FROM stat WHERE stat.y_oid = i.oid)
    UNION ALL SELECT 551 + m.n, m.sql, stat.name FROM y, stat CROSS JOIN LATERAL (VALUES
        (0, pg_catalog.format('ALTER STATISTICS %I.%I RENAME TO %I', y.nspname, stat.stxname, stat.between)),
        (1, pg_catalog.format('ALTER STATISTICS %s SET SCHEMA %I', stat.name, y.nspname)),
        (2, pg_catalog.format('ALTER STATISTICS %I.%I SET SCHEMA %I', y.nspname, stat.between, stat.nspname)),
        (3, pg_catalog.format('ALTER STATISTICS %I.%I RENAME TO %I', stat.nspname, stat.between, stat.stxname))) AS m(n, sql)
     WHERE stat.y_oid IS NOT NULL OR m.n = 1
    UNION ALL SELECT 555, pg_catalog.pg_get_statisticsobjdef(stat.oid), stat.name FROM stat WHERE stat.y_oid IS NULL
    UNION ALL SELECT 556, pg_catalog.format('ALTER STATISTICS %s SET STATISTICS %s', stat.name, coalesce(stat.target, -1)), stat.name
      FROM stat WHERE stat.target IS DISTINCT FROM stat.y_target
    UNION ALL SELECT 557, pg_catalog.format('ALTER STATISTICS %s OWNER TO %I', stat.name, pg_catalog.pg_get_userbyid(stat.stxowner)), stat.name
      FROM stat WHERE stat.stxowner IS DISTINCT FROM coalesce(stat.y_owner, current_user::pg_catalog.regrole::oid)
    UNION ALL SELECT 700, pg_catalog.rtrim(pg_catalog.pg_get_ruledef(r.oid), ';'), r.rulename FROM pg_catalog.pg_rewrite AS r WHERE r.ev_class = $1::oid
    UNION ALL SELECT 701, pg_catalog.format('ALTER TABLE %s %s RULE %I', x.name, w.word, r.rulename), ''
      FROM x JOIN pg_catalog.pg_rewrite AS r ON r.ev_class = x.oid
      JOIN (VALUES ('D'::"char", 'DISABLE'), ('R', 'ENABLE REPLICA'), ('A', 'ENABLE ALWAYS')) AS w(state, word) ON w.state = r.ev_enabled
    UNION ALL SELECT 710, pg_catalog.format('CREATE POLICY %I ON %s AS %s FOR %s TO %s', p.polname, x.name,
                CASE WHEN p.polpermissive THEN 'PERMISSIVE' ELSE 'RESTRICTIVE' END,
                CASE p.polcmd WHEN 'r' THEN 'SELECT' WHEN 'a' THEN 'INSERT' WHEN 'w' THEN 'UPDATE' WHEN 'd' THEN 'DELETE' ELSE 'ALL' END,
                (SELECT pg_catalog.string_agg(CASE o WHEN 0 THEN 'PUBLIC' ELSE pg_catalog.quote_ident(pg_catalog.pg_get_userbyid(o)) END, ', ' ORDER BY n)
                   FROM pg_catalog.unnest(p.polroles) WITH ORDINALITY AS u(o, n)))
                || coalesce(' USING (' || pg_catalog.pg_get_expr(p.polqual, p.polrelid) || ')', '')
                || coalesce(' WITH CHECK (' || pg_catalog.pg_get_expr(p.polwithcheck, p.polrelid) || ')', ''), p.polname
      FROM x JOIN pg_catalog.pg_policy AS p ON p.polrelid = x.oid
    UNION ALL SELECT 711, pg_catalog.format('ALTER TABLE %s %s ROW LEVEL SECURITY', x.name, w.word), ''
      FROM x, y CROSS JOIN LATERAL (VALUES ('ENABLE', x.relrowsecurity), ('FORCE', x.relforcerowsecurity)) AS w(word, is_on) WHERE w.is_on
    -- A session that has compiled a PL/pgSQL function keeps the old row type in its variables (%ROWTYPE) until the function's row in pg_proc is
    -- another one (plpgsql_compile compares fn_xmin).
    UNION ALL SELECT 730, pg_catalog.format('ALTER ROUTINE %s SECURITY %s', p.oid::pg_catalog.regprocedure,
                                            CASE WHEN p.prosecdef THEN 'DEFINER' ELSE 'INVOKER' END), ''
      FROM x JOIN pg_catalog.pg_proc AS p ON pg_catalog.strpos(p.prosrc, x.relname) > 0 AND p.prokind IN ('f', 'p')
      JOIN pg_catalog.pg_language AS l ON l.oid = p.prolang AND l.lanname = 'plpgsql'
     WHERE p.pronamespace <> (SELECT y.relnamespace FROM y) AND pg_catalog.pg_has_role(p.proowner, 'USAGE')
    UNION ALL SELECT 750, pg_catalog.format('ALTER TABLE %s ADD CONSTRAINT %I %s', fk.child, fk.conname, fk.definition)
                || CASE WHEN fk.definition LIKE '% NOT VALID' OR fk.definition LIKE '% NOT ENFORCED' THEN '' ELSE ' NOT VALID' END, fk.child
      FROM fk WHERE NOT (fk.is_own AND EXISTS (SELECT FROM pg_catalog.pg_constraint AS k WHERE k.conrelid = $2::oid AND k.conname = fk.conname))
    UNION ALL SELECT 800, pg_catalog.format('REVOKE ALL ON %s FROM %s CASCADE', takes.target,
                CASE takes.grantee WHEN 0 THEN 'PUBLIC' ELSE pg_catalog.quote_ident(pg_catalog.pg_get_userbyid(takes.grantee)) END), ''
      FROM takes
    UNION ALL SELECT 801 + gives.n, CASE WHEN gives.grantor <> gives.owner THEN
                pg_catalog.format('SET LOCAL ROLE %I; ', pg_catalog.pg_get_userbyid(gives.grantor)) ELSE '' END
             || pg_catalog.format('GRANT %s ON %s TO %s%s', gives.privileges, gives.target,
                    CASE gives.grantee WHEN 0 THEN 'PUBLIC' ELSE pg_catalog.quote_ident(pg_catalog.pg_get_userbyid(gives.grantee)) END,
                    CASE WHEN gives.is_grantable THEN ' WITH GRANT OPTION' END)
             || CASE WHEN gives.grantor <> gives.owner THEN '; SET LOCAL ROLE ' || CASE pg_catalog.current_setting('role')
                    WHEN 'none' THEN 'NONE' ELSE pg_catalog.quote_ident(pg_catalog.current_setting('role')) END ELSE '' END, gives.target
      FROM gives
    -- Numbers of columns stand in the places of their privileges: so these come after any of them.
    UNION ALL SELECT 10000009, pg_catalog.format('COMMENT ON %s IS %L', c.target, c.description), c.target
      FROM (SELECT o.target, o.description FROM comment AS o
             WHERE o.table_oid = $1::oid AND o.description IS NOT NULL
               AND (o.is_remade OR EXISTS (SELECT FROM comment AS i WHERE i.table_oid = $2::oid AND i.target = o.target
                                              AND i.description IS DISTINCT FROM o.description))
            UNION ALL
            SELECT i.target, NULL FROM comment AS i
             WHERE i.table_oid = $2::oid AND i.description IS NOT NULL
               AND NOT EXISTS (SELECT FROM comment AS o WHERE o.table_oid = $1::oid AND o.target = i.target AND o.description IS NOT NULL)
           ) AS c
    UNION ALL SELECT 10000001, pg_catalog.format('ALTER PUBLICATION %I ADD TABLE %s', p.pubname, x.name)
                || coalesce(' (' || (SELECT pg_catalog.string_agg(pg_catalog.quote_ident(a.attname), ', ' ORDER BY a.attnum) FROM pg_catalog.pg_attribute AS a
                                      WHERE a.attrelid = x.oid AND a.attnum = ANY (r.attrs::int2[])) || ')', '')
                || coalesce(' WHERE (' || pg_catalog.pg_get_expr(r.qual, x.oid) || ')', ''), p.pubname
      -- Neither is there before 15; then the names mean the outer query's.
      FROM x CROSS JOIN (SELECT NULL::int2vector AS prattrs, NULL::pg_catalog.pg_node_tree AS prqual) AS before_15
     CROSS JOIN LATERAL (SELECT prpubid, prattrs, prqual FROM pg_catalog.pg_publication_rel WHERE prrelid = x.oid) AS r(pub, attrs, qual)
      JOIN pg_catalog.pg_publication AS p ON p.oid = r.pub
     WHERE p.pubname <> $3
    UNION ALL SELECT 10000002, pg_catalog.pg_get_triggerdef(trg.oid), trg.tgname FROM trg
    UNION ALL SELECT 10000003, pg_catalog.format('ALTER TABLE %s %s TRIGGER %I', x.name, w.word, trg.tgname), ''
      FROM x CROSS JOIN trg
      JOIN (VALUES ('D'::"char", 'DISABLE'), ('R', 'ENABLE REPLICA'), ('A', 'ENABLE ALWAYS')) AS w(state, word) ON w.state = trg.tgenabled
    UNION ALL SELECT 20000000, pg_catalog.format('ALTER TABLE %s VALIDATE CONSTRAINT %I', fk.child, fk.conname), ''
      FROM fk WHERE fk.convalidated
) AS s
 ORDER BY s.place, s.by, s.sql
