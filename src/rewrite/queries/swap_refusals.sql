-- Why the cut-over cannot take a table with all that hangs on it: what it is, and the way out. No row: it can.
-- What depends on the table from outside is swap_dependants.sql's.
-- $1 oid of the table, $2 publication of the rewrite's slot or '', $3 boolean: the shadow is there, so what passes is waited for
WITH t AS (
    SELECT c.*, n.nspname FROM pg_catalog.pg_class AS c JOIN pg_catalog.pg_namespace AS n ON n.oid = c.relnamespace WHERE c.oid = $1::oid
), part(classid, objid) AS (
    SELECT 'pg_catalog.pg_class'::pg_catalog.regclass, t.oid FROM t
    UNION ALL SELECT 'pg_catalog.pg_class'::pg_catalog.regclass, i.indexrelid FROM pg_catalog.pg_index AS i WHERE i.indrelid = $1::oid
    UNION ALL SELECT 'pg_catalog.pg_trigger'::pg_catalog.regclass, g.oid
      FROM pg_catalog.pg_trigger AS g WHERE g.tgrelid = $1::oid AND NOT g.tgisinternal
    UNION ALL SELECT 'pg_catalog.pg_class'::pg_catalog.regclass, d.objid FROM pg_catalog.pg_depend AS d
     WHERE d.classid = 'pg_catalog.pg_class'::pg_catalog.regclass AND d.refclassid = 'pg_catalog.pg_class'::pg_catalog.regclass
       AND d.refobjid = $1::oid AND d.deptype IN ('a', 'i') AND d.refobjsubid > 0
), grantor AS (
    SELECT DISTINCT a.grantor
      FROM (SELECT t.relacl AS acl FROM t
            UNION ALL SELECT c.attacl FROM pg_catalog.pg_attribute AS c WHERE c.attrelid = $1::oid
            UNION ALL SELECT c.relacl FROM part JOIN pg_catalog.pg_class AS c ON c.oid = part.objid AND c.relkind = 'S') AS w,
           t, pg_catalog.aclexplode(w.acl) AS a
     WHERE a.grantor <> t.relowner
), me AS (
    SELECT r.rolsuper, r.rolbypassrls FROM pg_catalog.pg_roles AS r WHERE r.rolname = current_user
)
SELECT 'it is ' || k.what AS what, k.way
  FROM t JOIN (VALUES ('p'::"char", 'a partitioned table', 'rewrite its partitions by other means, or make a new partitioned table'),
                      ('f', 'a foreign table', 'rewrite it on its own server'),
                      ('v', 'a view', 'name the table behind it'),
                      ('m', 'a materialized view', 'DROP and CREATE it, or REFRESH ... CONCURRENTLY')) AS k(kind, what, way) ON k.kind = t.relkind
UNION ALL
SELECT 'it is a temporary table', 'nobody but its session sees it: run the statement there' FROM t WHERE t.relpersistence = 't'
UNION ALL
SELECT 'it is a partition', 'DETACH it CONCURRENTLY, rewrite it, ATTACH it again' FROM t WHERE t.relispartition
UNION ALL
SELECT 'it is a typed table (OF ' || t.reloftype::pg_catalog.regtype || ')', 'ALTER TABLE ... NOT OF before, OF after the migration'
  FROM t WHERE t.reloftype <> 0
UNION ALL
SELECT pg_catalog.format('it has the child %s (INHERITS)', i.inhrelid::pg_catalog.regclass), 'NO INHERIT before, INHERIT after the migration'
  FROM pg_catalog.pg_inherits AS i, t WHERE i.inhparent = t.oid AND t.relkind <> 'p'
UNION ALL
SELECT pg_catalog.format('it is a child of %s (INHERITS)', i.inhparent::pg_catalog.regclass), 'NO INHERIT before, INHERIT after the migration'
  FROM pg_catalog.pg_inherits AS i, t WHERE i.inhrelid = t.oid AND NOT t.relispartition
UNION ALL
SELECT 'it is a table of the system', 'nobody rewrites these' FROM t WHERE t.oid < 16384 OR t.nspname IN ('pg_catalog', 'information_schema', 'pgseam')
UNION ALL
SELECT pg_catalog.format('its owner is %I, whose rights role %I does not have', pg_catalog.pg_get_userbyid(t.relowner), current_user),
       'connect as the owner, or as a member of that role'
  FROM t WHERE NOT pg_catalog.pg_has_role(t.relowner, 'USAGE')
UNION ALL
SELECT pg_catalog.format('role %I may not CREATE in its schema %I, so it could not move a table there', current_user, t.nspname),
       pg_catalog.format('GRANT CREATE ON SCHEMA %I TO %I', t.nspname, current_user)
  FROM t WHERE NOT pg_catalog.has_schema_privilege(t.relnamespace, 'CREATE')
UNION ALL
SELECT pg_catalog.format('row security is forced on its owner, so role %I would not see all rows', current_user),
       'connect as a role with BYPASSRLS, or ALTER TABLE ... NO FORCE ROW LEVEL SECURITY for the time of the migration'
  FROM t, me WHERE t.relrowsecurity AND t.relforcerowsecurity AND NOT me.rolsuper AND NOT me.rolbypassrls
UNION ALL
SELECT pg_catalog.format('%s belongs to extension %I', pg_catalog.pg_describe_object(d.classid, d.objid, d.objsubid), e.extname),
       CASE d.deptype WHEN 'e' THEN 'ALTER EXTENSION ... DROP TABLE before, ADD TABLE after the migration'
                      ELSE 'ALTER ... NO DEPENDS ON EXTENSION before, DEPENDS ON EXTENSION after the migration' END
  FROM part JOIN pg_catalog.pg_depend AS d ON d.classid = part.classid AND d.objid = part.objid AND d.deptype IN ('e', 'x')
   AND d.refclassid = 'pg_catalog.pg_extension'::pg_catalog.regclass
  JOIN pg_catalog.pg_extension AS e ON e.oid = d.refobjid
UNION ALL
SELECT pg_catalog.format('%s has a security label of %s', pg_catalog.pg_describe_object(l.classoid, l.objoid, l.objsubid), l.provider),
       'SECURITY LABEL ... IS NULL before, set it again after the migration'
  FROM part JOIN pg_catalog.pg_seclabel AS l ON l.classoid = part.classid AND l.objoid = part.objid
UNION ALL
SELECT pg_catalog.format('subscription %I fills it; it would go on into nothing once another table has its name', coalesce(s.subname, r.srsubid::text)),
       'DROP SUBSCRIPTION or take the table out of it before; the new table must be in it before the publisher goes on'
  FROM pg_catalog.pg_subscription_rel AS r LEFT JOIN pg_catalog.pg_stat_subscription AS s ON s.subid = r.srsubid
 WHERE r.srrelid = $1::oid
 GROUP BY 1
UNION ALL
SELECT 'a prepared transaction has locked it', 'COMMIT PREPARED or ROLLBACK PREPARED it (pg_prepared_xacts)'
 WHERE NOT $3::boolean AND EXISTS (SELECT FROM pg_catalog.pg_locks AS l
                WHERE l.locktype = 'relation' AND l.relation = $1::oid AND l.pid IS NULL AND l.mode <> 'SIReadLock'
                  AND l.database = (SELECT b.oid FROM pg_catalog.pg_database AS b WHERE b.datname = pg_catalog.current_database()))
UNION ALL
SELECT pg_catalog.format('publication %I is FOR ALL TABLES: its subscribers would get the shadow''s rows, too', p.pubname),
       'make it FOR TABLE with the tables by name, or FOR TABLES IN SCHEMA (15 and newer), for the time of the migration'
  FROM pg_catalog.pg_publication AS p WHERE p.puballtables AND p.pubname <> $2
UNION ALL
SELECT pg_catalog.format('publication %I has it, and belongs to %I', p.pubname, pg_catalog.pg_get_userbyid(p.pubowner)),
       'connect as a role that is a member of both owners, or take the table out of the publication before'
  FROM pg_catalog.pg_publication_rel AS r JOIN pg_catalog.pg_publication AS p ON p.oid = r.prpubid
 WHERE r.prrelid = $1::oid AND p.pubname <> $2 AND NOT pg_catalog.pg_has_role(p.pubowner, 'USAGE')
UNION ALL
SELECT pg_catalog.format('role %I may not EXECUTE %s, the function of its trigger %I', current_user, p.oid::pg_catalog.regprocedure, g.tgname),
       pg_catalog.format('GRANT EXECUTE ON FUNCTION %s TO %I', p.oid::pg_catalog.regprocedure, current_user)
  FROM pg_catalog.pg_trigger AS g JOIN pg_catalog.pg_proc AS p ON p.oid = g.tgfoid
 WHERE g.tgrelid = $1::oid AND NOT g.tgisinternal AND NOT pg_catalog.has_function_privilege(p.oid, 'EXECUTE')
UNION ALL
SELECT pg_catalog.format('the triggers of constraint %I of %s are not in their ordinary state (DISABLE TRIGGER ALL)',
                         k.conname, k.conrelid::pg_catalog.regclass),
       'ALTER TABLE ... ENABLE TRIGGER ALL on both tables'
  FROM pg_catalog.pg_constraint AS k JOIN pg_catalog.pg_trigger AS g ON g.tgconstraint = k.oid
 WHERE (k.conrelid = $1::oid OR k.confrelid = $1::oid) AND g.tgisinternal AND g.tgenabled <> 'O'
 GROUP BY 1
UNION ALL
SELECT pg_catalog.format('privileges on it were granted by %I, as whom role %I cannot act', pg_catalog.pg_get_userbyid(grantor.grantor), current_user),
       'connect as a member of that role, or let the owner grant them'
  FROM grantor WHERE NOT pg_catalog.pg_has_role(grantor.grantor, 'MEMBER')
UNION ALL
SELECT pg_catalog.format('its statistics %I.%I belong to %I', n.nspname, s.stxname, pg_catalog.pg_get_userbyid(s.stxowner)),
       'ALTER STATISTICS ... OWNER TO the table''s owner'
  FROM pg_catalog.pg_statistic_ext AS s JOIN pg_catalog.pg_namespace AS n ON n.oid = s.stxnamespace
 WHERE s.stxrelid = $1::oid AND NOT (pg_catalog.pg_has_role(s.stxowner, 'USAGE') AND pg_catalog.has_schema_privilege(n.oid, 'CREATE'))
UNION ALL
SELECT pg_catalog.format('%s uses %s, the sequence of an identity column, and would go on with the old table''s',
                         pg_catalog.pg_describe_object(d.classid, d.objid, d.objsubid), s.objid::pg_catalog.regclass),
       'let it use a sequence of its own'
  FROM pg_catalog.pg_depend AS s
  JOIN pg_catalog.pg_depend AS d
    ON d.refclassid = 'pg_catalog.pg_class'::pg_catalog.regclass AND d.refobjid = s.objid AND d.deptype <> 'i'
 WHERE s.classid = 'pg_catalog.pg_class'::pg_catalog.regclass AND s.refclassid = 'pg_catalog.pg_class'::pg_catalog.regclass
   AND s.refobjid = $1::oid AND s.refobjsubid > 0 AND s.deptype = 'i'
UNION ALL
SELECT pg_catalog.format('its foreign key %I needs the right REFERENCES on %s', k.conname, k.confrelid::pg_catalog.regclass),
       pg_catalog.format('GRANT REFERENCES ON TABLE %s TO %I', k.confrelid::pg_catalog.regclass, current_user)
  FROM pg_catalog.pg_constraint AS k
 WHERE k.conrelid = $1::oid AND k.contype = 'f' AND k.conparentid = 0
   AND NOT pg_catalog.has_table_privilege(k.confrelid, 'REFERENCES')
   AND EXISTS (SELECT FROM pg_catalog.unnest(k.confkey) AS c WHERE NOT pg_catalog.has_column_privilege(k.confrelid, c, 'REFERENCES'))
 ORDER BY 1
