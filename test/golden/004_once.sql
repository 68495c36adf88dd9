UPDATE users SET n = n + 1 WHERE amount > 10;
DELETE FROM orders WHERE state = 'void';
