-- Who still runs of the transactions before a given one, in all databases, oldest first.
-- $1 xid8
SELECT CASE WHEN l.pid IS NULL
            THEN 'prepared transaction ' || coalesce(pg_catalog.quote_literal(p.gid) || ' in database ' || p.database
                                                     || ' since ' || pg_catalog.to_char(p.prepared, 'HH24:MI:SS'), '?')
            ELSE 'pid ' || l.pid || ' (' || coalesce(a.usename, a.backend_type, '?') || coalesce('@' || host(a.client_addr), '')
                 || coalesce(' in database ' || a.datname, '') || coalesce(', ' || a.state, '')
                 || coalesce(' since ' || pg_catalog.to_char(a.xact_start, 'HH24:MI:SS'), '')
                 || CASE WHEN a.wait_event = 'SyncRep' THEN ', its commit waits for a synchronous standby' ELSE '' END
                 || coalesce(', ' || nullif(pg_catalog."left"(a.query, 100), ''), '') || ')' END AS who
  FROM pg_catalog.pg_locks AS l
  LEFT JOIN pg_catalog.pg_stat_activity AS a ON a.pid = l.pid
  LEFT JOIN pg_catalog.pg_prepared_xacts AS p ON l.pid IS NULL AND p.transaction = l.transactionid
 WHERE l.locktype = 'transactionid' AND l.granted AND pg_catalog.age(l.transactionid) > pg_catalog.age($1::xid8::xid)
 ORDER BY pg_catalog.age(l.transactionid) DESC
 LIMIT 5
