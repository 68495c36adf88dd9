-- Who works with a version's tables at this moment, and by which shape, noted in the journal.
-- $1 text: the version's schema, $2 text[]: those of all versions, $3 bigint: migration, $4 text: the side of which each look is noted
-- (the other one at most once a second), $5 text[]: its views whose tables count, or NULL: all, $6 text[]: those of them where other
-- versions' views count, too
-- A lock that reads or writes a table without one on a version's view over it is the old shape. Where complete only renames, other
-- versions' views stay as they are, so whoever comes through them is of neither side.
WITH RECURSIVE way(schema, name, view, relation) AS (
    SELECT n.nspname, c.relname, c.oid, c.oid
      FROM pg_catalog.pg_class AS c
      JOIN pg_catalog.pg_namespace AS n ON n.oid = c.relnamespace
     WHERE n.nspname = ANY ($2::text[]) AND c.relkind = 'v'
    UNION
    SELECT w.schema, w.name, w.view, next.relation
      FROM way AS w
     -- An inner view, the table, its partitions and children.
     CROSS JOIN LATERAL (
           SELECT d.refobjid AS relation
             FROM pg_catalog.pg_rewrite AS r
             JOIN pg_catalog.pg_depend AS d ON d.classid = 'pg_catalog.pg_rewrite'::regclass AND d.objid = r.oid
              AND d.refclassid = 'pg_catalog.pg_class'::regclass
            WHERE r.ev_class = w.relation
           UNION ALL
           SELECT i.inhrelid FROM pg_catalog.pg_inherits AS i WHERE i.inhparent = w.relation) AS next
), cover AS MATERIALIZED (
    SELECT w.schema = $1::text AS is_ours, w.view, w.relation,
           w.schema = $1::text AND ($5::text[] IS NULL OR w.name = ANY ($5::text[])) AS is_watched,
           w.schema = $1::text AND w.name = ANY ($6::text[]) AS is_watched_all
      FROM way AS w
      JOIN pg_catalog.pg_class AS c ON c.oid = w.relation AND c.relkind IN ('r', 'p', 'f')
), excuse AS MATERIALIZED (
    -- Whoever has a lock on the view as well as on the relation does not use the old shape.
    SELECT c.view, c.relation
      FROM cover AS c
     WHERE c.is_ours OR c.relation NOT IN (SELECT a.relation FROM cover AS a WHERE a.is_watched_all)
), held AS MATERIALIZED (
    SELECT l.pid, l.virtualtransaction AS vxid, l.relation, l.fastpath,
           l.mode IN ('AccessShareLock', 'RowShareLock', 'RowExclusiveLock') AS is_use,
           l.mode IN ('AccessShareLock', 'RowShareLock') AS is_reading, l.mode = 'RowShareLock' AS is_row_share
      FROM pg_catalog.pg_locks AS l
     WHERE l.locktype = 'relation' AND l.pid IS NOT NULL
       AND l.database = (SELECT d.oid FROM pg_catalog.pg_database AS d WHERE d.datname = pg_catalog.current_database())
), direct AS (
    SELECT h.pid, h.vxid, h.relation, bool_and(h.is_row_share) AS is_row_share, bool_and(h.fastpath) AS is_fast
      FROM held AS h
     WHERE h.is_use AND h.relation IN (SELECT c.relation FROM cover AS c WHERE c.is_watched)
       AND NOT EXISTS (SELECT FROM excuse AS e JOIN held AS v ON v.relation = e.view AND v.pid = h.pid WHERE e.relation = h.relation)
     GROUP BY h.pid, h.vxid, h.relation
), meant AS (
    SELECT d.pid, d.vxid, d.relation,
           -- The locks of one session come from one moment only as long as all of them are in its own list, which has
           -- room for 16: the shared list is read later.
           NOT d.is_fast OR (SELECT count(*) FROM held AS h WHERE h.pid = d.pid AND h.fastpath) >= 16 AS is_doubtful
      FROM direct AS d
     -- What a foreign key does knows no column names: its check locks rows, its action follows a write through a view.
     WHERE NOT EXISTS (
           SELECT FROM pg_catalog.pg_constraint AS k
             JOIN held AS h ON h.pid = d.pid AND NOT h.is_reading
              AND h.relation = CASE WHEN k.conrelid = d.relation THEN k.confrelid ELSE k.conrelid END
            WHERE k.contype = 'f' AND d.relation IN (k.conrelid, k.confrelid) AND h.relation <> d.relation
              AND (d.is_row_share OR (k.conrelid = d.relation AND EXISTS (
                   SELECT FROM cover AS c JOIN held AS v ON v.relation = c.view AND v.pid = d.pid WHERE c.relation = k.confrelid))))
), again AS MATERIALIZED (
    SELECT l.pid, l.virtualtransaction AS vxid, l.relation
      FROM pg_catalog.pg_locks AS l
     WHERE l.locktype = 'relation' AND EXISTS (SELECT FROM meant AS m WHERE m.is_doubtful)
), seen AS (
    SELECT m.pid, 'old' AS side
      FROM meant AS m
     WHERE NOT m.is_doubtful
        OR (EXISTS (SELECT FROM again AS a WHERE a.pid = m.pid AND a.vxid = m.vxid AND a.relation = m.relation)
            AND NOT EXISTS (SELECT FROM again AS a JOIN excuse AS e ON e.view = a.relation
                             WHERE a.pid = m.pid AND e.relation = m.relation))
    UNION
    SELECT h.pid, 'new'
      FROM held AS h
     WHERE h.is_use AND h.relation IN (SELECT c.view FROM cover AS c WHERE c.is_ours)
), users AS (
    SELECT s.side, coalesce(a.usename, '?') AS role, coalesce(a.application_name, '') AS application_name,
           coalesce(pg_catalog.host(a.client_addr), '') AS client_addr,
           max(pg_catalog."left"(a.query, 200)) FILTER (WHERE a.backend_type IS NOT NULL) AS query, pg_catalog.clock_timestamp() AS at
      FROM seen AS s
      JOIN pg_catalog.pg_stat_activity AS a ON a.pid = s.pid AND a.datname = pg_catalog.current_database()
     -- Workers of a parallel query open the table alone; its leader counts. A role that may not see what others' sessions are
     -- sees no type; neither does anybody of a worker until the postmaster has noted its pid (GetBackgroundWorkerTypeByPid() of
     -- src/backend/postmaster/bgworker.c), but whoever has a leader is one. Dumps take the names from the catalog.
     WHERE coalesce(a.backend_type, 'client backend') = 'client backend' AND a.leader_pid IS NULL AND a.usesysid IS NOT NULL
       AND a.application_name NOT LIKE 'pgseam/%' AND a.application_name <> 'pg_dump' AND a.pid <> pg_catalog.pg_backend_pid()
     GROUP BY 1, 2, 3, 4
), noted AS (
    INSERT INTO pgseam.version_use AS u (migration_id, side, role, application_name, client_addr, first_seen, last_seen, times, last_query)
    SELECT $3::bigint, n.side, n.role, n.application_name, n.client_addr, n.at, n.at, 1, n.query
      FROM users AS n
        ON CONFLICT (migration_id, side, role, application_name, client_addr) DO UPDATE
       SET last_seen = excluded.last_seen, times = u.times + 1, last_query = coalesce(excluded.last_query, u.last_query)
     WHERE u.side = $4::text OR u.last_seen < excluded.last_seen - interval '1 second'
)
SELECT count(*) FILTER (WHERE n.side = $4::text) AS seen
  FROM users AS n
