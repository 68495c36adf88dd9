-- refused: (?i)itself|same table|changed by|split|subquer
-- Each row gets the value of the one before it: what it reads, it changes as well.
UPDATE invoices i SET amount = j.amount FROM invoices j WHERE j.id = i.id - 1;
