-- refused: opaque|SELECT
ALTER TABLE customers ADD COLUMN checked boolean;
SELECT setval('ticket_no_seq', 500000);
