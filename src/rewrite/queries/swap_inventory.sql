-- All that makes up a table and hangs on it, one line for each thing. `is_local`: belongs to the table's shape, which the shadow is
-- made with; the others are dependants, which the cut-over moves. `needs`: the local line without which this one is gone, too.
-- `is_expression`: the definition is printed from an expression, whose casts follow the types of the columns.
-- Names of the rewrite's schema are given as the application's. What pgseam itself made is not shown.
-- $1 oid of the table, $2 schema of the rewrite, $3 schema of the application, $4 publication of the rewrite's slot or ''
WITH t AS (
    SELECT c.*, pg_catalog.format('%I.%I', n.nspname, c.relname) AS name
      FROM pg_catalog.pg_class AS c JOIN pg_catalog.pg_namespace AS n ON n.oid = c.relnamespace
     WHERE c.oid = $1::oid
), col AS (
    SELECT a.*, pg_catalog.row_number() OVER (ORDER BY a.attnum) AS place
      FROM pg_catalog.pg_attribute AS a
     WHERE a.attrelid = $1::oid AND a.attnum > 0 AND NOT a.attisdropped
), con AS (
    SELECT k.* FROM pg_catalog.pg_constraint AS k WHERE k.conrelid = $1::oid AND k.conparentid = 0
), ind AS (
    SELECT i.*, c.relname, c.reltablespace, c.oid AS indoid
      FROM pg_catalog.pg_index AS i JOIN pg_catalog.pg_class AS c ON c.oid = i.indexrelid
     -- The index by which pgseam finds rows again where the table has none goes when it is done.
     WHERE i.indrelid = $1::oid AND c.relname NOT LIKE 'pgseam\_key\_%'
), trg AS (
    SELECT g.* FROM pg_catalog.pg_trigger AS g JOIN pg_catalog.pg_proc AS p ON p.oid = g.tgfoid
      JOIN pg_catalog.pg_namespace AS n ON n.oid = p.pronamespace
     WHERE g.tgrelid = $1::oid AND NOT g.tgisinternal
       AND NOT (g.tgname LIKE 'pgseam\_%' AND n.nspname = $2)
), seq AS (
    SELECT DISTINCT c.oid, c.relname, c.relowner, c.relacl, c.relpersistence, d.deptype, d.refobjsubid, n.nspname, s.*
      FROM pg_catalog.pg_depend AS d
      JOIN pg_catalog.pg_class AS c ON c.oid = d.objid AND c.relkind = 'S'
      JOIN pg_catalog.pg_namespace AS n ON n.oid = c.relnamespace
      JOIN pg_catalog.pg_sequence AS s ON s.seqrelid = c.oid
     WHERE d.classid = 'pg_catalog.pg_class'::pg_catalog.regclass AND d.refobjid = $1::oid
       AND d.refclassid = 'pg_catalog.pg_class'::pg_catalog.regclass AND d.deptype IN ('a', 'i')
), lines(kind, object, needs, definition, is_local, is_expression) AS (
    SELECT 'table', '', '',
           pg_catalog.concat_ws(' ', 'persistence', t.relpersistence, 'method', am.amname, 'tablespace', s.spcname,
               'owner', pg_catalog.pg_get_userbyid(t.relowner), 'replica identity', t.relreplident,
               'options', (SELECT pg_catalog.string_agg(o, ',' ORDER BY o) FROM pg_catalog.unnest(t.reloptions) AS o
                            WHERE o NOT LIKE 'autovacuum\_enabled=%'),
               'toast', (SELECT pg_catalog.string_agg(o, ',' ORDER BY o) FROM pg_catalog.unnest(x.reloptions) AS o
                          WHERE o NOT LIKE 'autovacuum\_enabled=%')),
           true, false
      FROM t LEFT JOIN pg_catalog.pg_am AS am ON am.oid = t.relam
      LEFT JOIN pg_catalog.pg_tablespace AS s ON s.oid = t.reltablespace
      LEFT JOIN pg_catalog.pg_class AS x ON x.oid = t.reltoastrelid
    UNION ALL
    SELECT 'column', col.attname, '',
           pg_catalog.concat_ws(' ', col.place, pg_catalog.format_type(col.atttypid, col.atttypmod),
               CASE WHEN col.attnotnull THEN 'NOT NULL' END,
               'COLLATE ' || NULLIF(col.attcollation, (SELECT y.typcollation FROM pg_catalog.pg_type AS y
                                                        WHERE y.oid = col.atttypid))::pg_catalog.regcollation::text,
               'identity ' || NULLIF(col.attidentity::text, ''), 'generated ' || NULLIF(col.attgenerated::text, ''),
               'default ' || pg_catalog.pg_get_expr(d.adbin, d.adrelid), 'storage', col.attstorage,
               'compression ' || NULLIF(col.attcompression::text, ''), 'statistics ' || NULLIF(col.attstattarget, -1),
               'options ' || (SELECT pg_catalog.string_agg(o, ',' ORDER BY o) FROM pg_catalog.unnest(col.attoptions) AS o
                               WHERE o NOT LIKE 'pg\_attver=%')),
           true, false
      FROM col LEFT JOIN pg_catalog.pg_attrdef AS d ON d.adrelid = col.attrelid AND d.adnum = col.attnum
    UNION ALL
    SELECT 'constraint', con.conname, '',
           pg_catalog.concat_ws(' ', pg_catalog.pg_get_constraintdef(con.oid), CASE WHEN con.convalidated THEN 'proven' END),
           true, false
      FROM con WHERE con.contype NOT IN ('f', 't')
    UNION ALL
    SELECT 'index', ind.relname, '',
           pg_catalog.concat_ws(' ', pg_catalog.pg_get_indexdef(ind.indoid), 'tablespace', s.spcname,
               CASE WHEN NOT ind.indisvalid THEN 'invalid' END, CASE WHEN ind.indisclustered THEN 'clustered' END,
               CASE WHEN ind.indisreplident THEN 'replica identity' END, CASE WHEN NOT ind.indimmediate THEN 'deferrable' END,
               (SELECT pg_catalog.string_agg(pg_catalog.format('statistics %s %s', a.attnum, a.attstattarget), ',' ORDER BY a.attnum)
                  FROM pg_catalog.pg_attribute AS a WHERE a.attrelid = ind.indoid AND a.attstattarget >= 0)),
           true, false
      FROM ind LEFT JOIN pg_catalog.pg_tablespace AS s ON s.oid = ind.reltablespace
    UNION ALL
    SELECT 'autovacuum', w.which, '', o, false, false
      FROM (SELECT 'table' AS which, t.reloptions FROM t
            UNION ALL
            SELECT 'toast', x.reloptions FROM t JOIN pg_catalog.pg_class AS x ON x.oid = t.reltoastrelid) AS w,
           pg_catalog.unnest(w.reloptions) AS o
     WHERE o LIKE 'autovacuum\_enabled=%'
    UNION ALL
    SELECT 'privilege', w.what, w.needs,
           pg_catalog.format('%s%s to %s by %s', a.privilege_type, CASE WHEN a.is_grantable THEN ' with grant option' END,
               CASE a.grantee WHEN 0 THEN 'PUBLIC' ELSE pg_catalog.pg_get_userbyid(a.grantee)::text END,
               pg_catalog.pg_get_userbyid(a.grantor)),
           false, false
      FROM (SELECT 'table' AS what, '' AS needs, coalesce(t.relacl, pg_catalog.acldefault('r', t.relowner)) AS acl FROM t
            UNION ALL
            SELECT 'column ' || col.attname, 'column ' || col.attname, col.attacl FROM col
            UNION ALL
            SELECT 'sequence ' || seq.relname, 'column ' || col.attname,
                   coalesce(seq.relacl, pg_catalog.acldefault('s', seq.relowner))
              FROM seq JOIN col ON col.attnum = seq.refobjsubid) AS w,
           pg_catalog.aclexplode(w.acl) AS a
    UNION ALL
    SELECT 'sequence', pg_catalog.format('%I.%I', seq.nspname, seq.relname), 'column ' || col.attname,
           pg_catalog.concat_ws(' ', pg_catalog.format('of %I', col.attname), CASE seq.deptype WHEN 'i' THEN 'identity' END,
               'owner', pg_catalog.pg_get_userbyid(seq.relowner), 'persistence', seq.relpersistence,
               'start', seq.seqstart, 'by', seq.seqincrement, 'cache', seq.seqcache, CASE WHEN seq.seqcycle THEN 'cycle' END),
           false, false
      FROM seq JOIN col ON col.attnum = seq.refobjsubid
    UNION ALL
    SELECT 'row security', '', '', pg_catalog.concat_ws(' ', CASE WHEN t.relrowsecurity THEN 'enabled' END,
           CASE WHEN t.relforcerowsecurity THEN 'forced' END), false, false
      FROM t
    UNION ALL
    SELECT 'policy', p.polname, '',
           pg_catalog.concat_ws(' ', p.polcmd, CASE WHEN p.polpermissive THEN 'permissive' ELSE 'restrictive' END, 'to',
               (SELECT pg_catalog.string_agg(CASE o WHEN 0 THEN 'PUBLIC' ELSE pg_catalog.pg_get_userbyid(o)::text END, ',' ORDER BY o)
                  FROM pg_catalog.unnest(p.polroles) AS o),
               'using ' || pg_catalog.pg_get_expr(p.polqual, p.polrelid), 'check ' || pg_catalog.pg_get_expr(p.polwithcheck, p.polrelid)),
           false, true
      FROM pg_catalog.pg_policy AS p WHERE p.polrelid = $1::oid
    UNION ALL
    SELECT 'trigger', trg.tgname, '', pg_catalog.concat_ws(' ', pg_catalog.pg_get_triggerdef(trg.oid), 'state', trg.tgenabled), false, true
      FROM trg
    UNION ALL
    SELECT 'rule', r.rulename, '', pg_catalog.concat_ws(' ', pg_catalog.pg_get_ruledef(r.oid), 'state', r.ev_enabled), false, true
      FROM pg_catalog.pg_rewrite AS r WHERE r.ev_class = $1::oid
    UNION ALL
    SELECT 'foreign key', k.conname, '', pg_catalog.replace(pg_catalog.pg_get_constraintdef(k.oid), ' NOT VALID', ''), false, false
      FROM con AS k WHERE k.contype = 'f'
    UNION ALL
    SELECT 'foreign key to it', pg_catalog.format('%s of %s', k.conname, k.conrelid::pg_catalog.regclass), '',
           pg_catalog.replace(pg_catalog.pg_get_constraintdef(k.oid), ' NOT VALID', ''), false, false
      FROM pg_catalog.pg_constraint AS k
     WHERE k.confrelid = $1::oid AND k.contype = 'f' AND k.conparentid = 0 AND k.conrelid <> $1::oid
    UNION ALL
    SELECT 'statistics', pg_catalog.format('%I.%I', n.nspname, s.stxname), '',
           pg_catalog.concat_ws(' ', pg_catalog.pg_get_statisticsobjdef(s.oid), 'owner', pg_catalog.pg_get_userbyid(s.stxowner),
               'target ' || NULLIF(s.stxstattarget, -1)),
           false, true
      FROM pg_catalog.pg_statistic_ext AS s JOIN pg_catalog.pg_namespace AS n ON n.oid = s.stxnamespace
     WHERE s.stxrelid = $1::oid
    UNION ALL
    SELECT 'publication', p.pubname, '',
           pg_catalog.concat_ws(' ', CASE WHEN r.attrs IS NULL THEN 'all columns' END,
               (SELECT pg_catalog.string_agg(col.attname, ',' ORDER BY col.place) FROM col WHERE col.attnum = ANY (r.attrs::int2[])),
               'where ' || pg_catalog.pg_get_expr(r.qual, $1::oid)),
           false, true
      -- Neither is there before 15; then the names mean the outer query's.
      FROM (SELECT NULL::int2vector AS prattrs, NULL::pg_catalog.pg_node_tree AS prqual) AS before_15
     CROSS JOIN LATERAL (SELECT prpubid, prattrs, prqual FROM pg_catalog.pg_publication_rel WHERE prrelid = $1::oid) AS r(pub, attrs, qual)
      JOIN pg_catalog.pg_publication AS p ON p.oid = r.pub
     WHERE p.pubname <> $4
), spoken(kind, object, needs, classid, objid, objsubid) AS (
    SELECT 'table', '', '', 'pg_catalog.pg_class'::pg_catalog.regclass, t.oid, 0 FROM t
    UNION ALL
    SELECT 'column', col.attname, 'column ' || col.attname, 'pg_catalog.pg_class'::pg_catalog.regclass, col.attrelid, col.attnum FROM col
    UNION ALL
    SELECT 'index', ind.relname, 'index ' || ind.relname, 'pg_catalog.pg_class'::pg_catalog.regclass, ind.indoid, 0 FROM ind
    UNION ALL
    SELECT 'constraint', con.conname, CASE WHEN con.contype = 'f' THEN '' ELSE 'constraint ' || con.conname END,
           'pg_catalog.pg_constraint'::pg_catalog.regclass, con.oid, 0
      FROM con WHERE con.contype <> 't'
    UNION ALL
    SELECT 'constraint', pg_catalog.format('%s of %s', k.conname, k.conrelid::pg_catalog.regclass), '',
           'pg_catalog.pg_constraint'::pg_catalog.regclass, k.oid, 0
      FROM pg_catalog.pg_constraint AS k
     WHERE k.confrelid = $1::oid AND k.contype = 'f' AND k.conparentid = 0 AND k.conrelid <> $1::oid
    UNION ALL
    SELECT 'trigger', trg.tgname, '', 'pg_catalog.pg_trigger'::pg_catalog.regclass, trg.oid, 0 FROM trg
    UNION ALL
    SELECT 'rule', r.rulename, '', 'pg_catalog.pg_rewrite'::pg_catalog.regclass, r.oid, 0
      FROM pg_catalog.pg_rewrite AS r WHERE r.ev_class = $1::oid
    UNION ALL
    SELECT 'policy', p.polname, '', 'pg_catalog.pg_policy'::pg_catalog.regclass, p.oid, 0
      FROM pg_catalog.pg_policy AS p WHERE p.polrelid = $1::oid
    UNION ALL
    SELECT 'statistics', pg_catalog.format('%I.%I', n.nspname, s.stxname), '',
           'pg_catalog.pg_statistic_ext'::pg_catalog.regclass, s.oid, 0
      FROM pg_catalog.pg_statistic_ext AS s JOIN pg_catalog.pg_namespace AS n ON n.oid = s.stxnamespace
     WHERE s.stxrelid = $1::oid
    UNION ALL
    SELECT 'sequence', seq.relname, 'column ' || col.attname, 'pg_catalog.pg_class'::pg_catalog.regclass, seq.oid, 0
      FROM seq JOIN col ON col.attnum = seq.refobjsubid
)
SELECT l.kind, pg_catalog.replace(l.object, own.here, own.there) AS object, l.needs,
       pg_catalog.replace(l.definition, own.here, own.there) AS definition, l.is_local, l.is_expression
  FROM (SELECT lines.kind, lines.object::text, lines.needs::text, lines.definition, lines.is_local, lines.is_expression FROM lines
        UNION ALL
        SELECT 'comment', spoken.kind || ' ' || spoken.object, spoken.needs, d.description, false, false
          FROM spoken JOIN pg_catalog.pg_description AS d
            ON d.classoid = spoken.classid AND d.objoid = spoken.objid AND d.objsubid = spoken.objsubid) AS l,
       (SELECT pg_catalog.quote_ident($2) || '.' AS here, pg_catalog.quote_ident($3) || '.' AS there) AS own
 ORDER BY l.is_local DESC, l.kind, 2, 4
