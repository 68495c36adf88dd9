-- refused: (?i)CLUSTER
CLUSTER customers USING customers_email_idx;
