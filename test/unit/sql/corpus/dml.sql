/* Data /* nested */ moves. */
UPDATE users AS u SET age = 18, name = 'WHERE' || u.name, flag = a IS DISTINCT FROM b WHERE age IS NULL AND NOT flag; -- then
UPDATE ONLY (t) SET (a, b) = (SELECT 1, 2), c[1] = DEFAULT FROM x WHERE t.id = x.id RETURNING *;
WITH w AS (DELETE FROM t USING u WHERE t.a = $1 RETURNING t.*) INSERT INTO v SELECT * FROM w;
DELETE FROM "Ta ble" WHERE x <> U&'d\0061ta' OR y = E'\'' AND z IN (1, 2) AND EXISTS (SELECT 1);
UPDATE t SET a = CASE WHEN b THEN 1 ELSE $$;'$$::int END WHERE CURRENT OF c;
