UPDATE articles SET views = views + 1000 WHERE views < 50;
UPDATE billing.entries SET cents = cents * 10, memo = upper(memo) WHERE booked_on >= DATE '2025-06-01';
DELETE FROM comments WHERE spam;
-- check: SELECT sum(views), max(views) FROM articles
-- check: SELECT sum(cents), count(*) FILTER (WHERE memo = upper(memo)) FROM billing.entries
-- check: SELECT count(*) FROM comments
