CREATE TABLE session_archive (token text PRIMARY KEY, user_ref bigint NOT NULL, expires_at timestamp);
INSERT INTO session_archive (token, user_ref, expires_at) SELECT token, user_ref, expires_at FROM sessions WHERE expires_at < '2026-05-01';
DELETE FROM sessions WHERE expires_at < '2026-05-01';
DELETE FROM audit_log WHERE at < '2024-03-01 00:00+00';
UPDATE audit_log SET action = 'erase' WHERE action = 'purge';
UPDATE stock SET reserved = 0 WHERE reserved IS NULL;
UPDATE payments p SET reference = i.number FROM invoices i WHERE i.id = p.invoice_id AND i.status = 'paid';
DELETE FROM sessions WHERE user_ref IN (SELECT id FROM warehouses);
-- check: SELECT count(*) FROM session_archive
-- check: SELECT action, count(*) FROM audit_log GROUP BY action ORDER BY action
-- check: SELECT sum(reserved), count(*) FROM stock
-- check: SELECT count(*), count(*) FILTER (WHERE reference LIKE 'R-%') FROM payments
-- check: SELECT count(*) FROM sessions
ANALYZE audit_log, stock;
