REINDEX INDEX customers_email_idx;
REINDEX TABLE stock;
REINDEX (VERBOSE) TABLE CONCURRENTLY payments;
REFRESH MATERIALIZED VIEW daily_revenue;
REFRESH MATERIALIZED VIEW CONCURRENTLY daily_revenue;
-- check: SELECT count(*), sum(invoices) FROM daily_revenue
