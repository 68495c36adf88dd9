-- refused: VACUUM
VACUUM FULL customers;
