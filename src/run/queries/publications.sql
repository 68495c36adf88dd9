-- A publication that takes each new table, and whether tables of ours do no harm to its subscribers: they have been told of them before,
-- or there are none in this database. $1 text: a table of the journal by which one tells that
SELECT (SELECT p.pubname FROM pg_catalog.pg_publication AS p WHERE p.puballtables ORDER BY 1 LIMIT 1) AS name,
       pg_catalog.to_regclass($1::text) IS NOT NULL
       OR NOT EXISTS (SELECT FROM pg_catalog.pg_replication_slots AS s
                       WHERE s.plugin = 'pgoutput' AND s.database = pg_catalog.current_database()) AS is_harmless
