-- Who keeps a session from going on.
-- $1 int: the session that waits
SELECT pg_catalog.string_agg('pid ' || a.pid || ' (' || coalesce(a.usename, '?')
           || CASE WHEN a.application_name <> '' THEN ', ' || a.application_name ELSE '' END
           || ', ' || coalesce(a.state, '?') || coalesce(' since ' || pg_catalog.to_char(a.xact_start, 'HH24:MI:SS'), '')
           || coalesce(', ' || pg_catalog."left"(a.query, 100), '') || ')', E'\n') AS who
  FROM pg_catalog.unnest(pg_catalog.pg_blocking_pids($1::int)) AS b(pid)
  JOIN pg_catalog.pg_stat_activity AS a ON a.pid = b.pid
