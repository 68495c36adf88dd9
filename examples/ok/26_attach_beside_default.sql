ALTER TABLE tickets ATTACH PARTITION tickets_legal FOR VALUES IN ('legal');
CREATE TABLE tickets_hr PARTITION OF tickets FOR VALUES IN ('hr');
-- check: SELECT queue, count(*) FROM tickets GROUP BY queue ORDER BY queue
