-- refused: (?i)subquer|LIMIT|split|itself|same table
UPDATE invoices SET status = 'sent' WHERE id IN (SELECT id FROM invoices WHERE status = 'draft' ORDER BY due_on LIMIT 100);
