CREATE TABLE sums (user_id bigint PRIMARY KEY, total numeric);
INSERT INTO sums VALUES (0, 0);
INSERT INTO sums (user_id, total) (SELECT o.id, u.amount FROM orders o LEFT JOIN users u ON u.id = o.user_id WHERE o.total > 0 OR o.state = 'x') ON CONFLICT (user_id) DO UPDATE SET total = 0 WHERE sums.total > 1;
INSERT INTO pair (a, "Odd") VALUES (1, 'x');
-- pgseam: allow opaque because the shop is quiet at night
INSERT INTO pair (a, c) SELECT count(*), state FROM orders GROUP BY state;
