UPDATE users AS u SET email = p.c FROM pair p WHERE p.a = u.n -- joined
 AND p.c IS NOT NULL RETURNING u.id;
UPDATE nokey SET b = 'x' WHERE b IS NULL;
DELETE FROM users WHERE id IN (SELECT user_id FROM orders WHERE total = 0);
UPDATE users SET (n, email) = (SELECT count(*), max(o.state) FROM orders AS o WHERE o.user_id = users.id), flag = DEFAULT;
