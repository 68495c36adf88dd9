-- refused: volatile
UPDATE customers SET tier = 'plus' WHERE random() < 0.1;
