-- What makes a set of triggers: statements, in order. Key columns are those of the dirty table.
-- $1 text: the table, quoted; $2 text: schema of the rewrite; $3 text: prefix of names; $4 text: dirty table; $5 text: table of the mark
WITH key AS (
    SELECT pg_catalog.string_agg(pg_catalog.format('pgseam_old.%I', a.attname), ', ' ORDER BY a.attnum) AS olds,
           pg_catalog.string_agg(pg_catalog.format('pgseam_new.%I', a.attname), ', ' ORDER BY a.attnum) AS news,
           -- UNION drops what is equal: right only where equal values are the same, byte for byte.
           CASE WHEN pg_catalog.bool_and(y.typname IN ('int2', 'int4', 'int8', 'oid', 'uuid', 'bool', 'date', 'timestamp', 'timestamptz')
                                         AND y.typnamespace = 'pg_catalog'::pg_catalog.regnamespace
                                         OR y.typname IN ('text', 'varchar') AND y.typnamespace = 'pg_catalog'::pg_catalog.regnamespace
                                         AND l.collisdeterministic)
                THEN 'UNION' ELSE 'UNION ALL' END AS union_word,
           pg_catalog.string_agg(pg_catalog.format('OLD.%I', a.attname), ', ' ORDER BY a.attnum) AS old_names,
           pg_catalog.string_agg(pg_catalog.format('NEW.%I', a.attname), ', ' ORDER BY a.attnum) AS new_names
      FROM pg_catalog.pg_attribute AS a
      JOIN pg_catalog.pg_type AS y ON y.oid = a.atttypid
      LEFT JOIN pg_catalog.pg_collation AS l ON l.oid = a.attcollation
     WHERE a.attrelid = pg_catalog.format('%I.%I', $2::text, $4::text)::pg_catalog.regclass AND a.attnum > 0 AND NOT a.attisdropped
), kind AS (
    SELECT EXISTS (SELECT FROM pg_catalog.pg_subscription_rel AS s WHERE s.srrelid = $1::pg_catalog.regclass) AS is_subscribed
), piece (place, event, referencing, statement_body, row_body) AS (
    SELECT v.*
      FROM key CROSS JOIN LATERAL (VALUES
          (1, 'insert', 'REFERENCING NEW TABLE AS pgseam_new',
           pg_catalog.format('INSERT INTO %I.%I SELECT %s FROM pgseam_new', $2::text, $4::text, news),
           pg_catalog.format('INSERT INTO %I.%I VALUES (%s)', $2::text, $4::text, new_names)),
          (2, 'update', 'REFERENCING OLD TABLE AS pgseam_old NEW TABLE AS pgseam_new',
           pg_catalog.format('INSERT INTO %I.%I SELECT %s FROM pgseam_old %s SELECT %s FROM pgseam_new', $2::text, $4::text, olds, union_word, news),
           pg_catalog.format('INSERT INTO %I.%I VALUES (%s), (%s)', $2::text, $4::text, old_names, new_names)),
          (3, 'delete', 'REFERENCING OLD TABLE AS pgseam_old',
           pg_catalog.format('INSERT INTO %I.%I SELECT %s FROM pgseam_old', $2::text, $4::text, olds),
           pg_catalog.format('INSERT INTO %I.%I VALUES (%s)', $2::text, $4::text, old_names)),
          (4, 'truncate', '', pg_catalog.format('INSERT INTO %I.%I VALUES (true)', $2::text, $5::text), NULL)
      ) AS v
), statement AS (
    SELECT 0 AS place, 0 AS part, pg_catalog.format('CREATE TABLE %I.%I (is_truncated boolean NOT NULL)', $2::text, $5::text) AS statement
    UNION ALL
    -- The application's role needs no privilege on our schema; the names in the body are qualified, and it uses no operator, so
    -- the search_path of the application changes nothing.
    SELECT place, 1, pg_catalog.format('CREATE FUNCTION %I.%I() RETURNS trigger LANGUAGE plpgsql SECURITY DEFINER AS %L', $2::text,
                                       $3::text || '_' || event,
                                       '#variable_conflict use_column' || pg_catalog.chr(10) || 'BEGIN ' || CASE WHEN is_subscribed AND row_body IS NOT NULL THEN row_body ELSE statement_body END
                                       || '; RETURN NULL; END')
      FROM piece CROSS JOIN kind
    UNION ALL
    SELECT place, 2, pg_catalog.format('CREATE TRIGGER %I AFTER %s ON %s %s FOR EACH %s EXECUTE FUNCTION %I.%I()', $3::text || '_' || event,
                                       pg_catalog.upper(event), $1::text,
                                       CASE WHEN is_subscribed AND row_body IS NOT NULL THEN '' ELSE referencing END,
                                       CASE WHEN is_subscribed AND row_body IS NOT NULL THEN 'ROW' ELSE 'STATEMENT' END, $2::text,
                                       $3::text || '_' || event)
      FROM piece CROSS JOIN kind
    UNION ALL
    SELECT place, 3, pg_catalog.format('ALTER TABLE %s ENABLE ALWAYS TRIGGER %I', $1::text, $3::text || '_' || event)
      FROM piece
)
SELECT statement.statement FROM statement ORDER BY place, part
