-- Was edited by five people; nobody dared to tidy it up.  ÄÖÜ, 日本語, emoji 🐘
/* block /* nested; */ still a comment; */ ;;
Alter   Table	Invoices
	Add Column	"Währung"	Text	Default 'EUR;--not a comment' ,	-- trailing; comment
	ADD column	if not exists  delivered_on  DATE;;;

UPDATE invoices /* all; of them */ SET note = E'it\'s; "done"' || ' -- ' || $q$;$q$ WHERE note IS NULL;
create index  CONCURRENTLY  IF NOT EXISTS "Invoices Delivered"  on INVOICES(DELIVERED_ON)  ;
CREATE OR REPLACE FUNCTION "Weird; Name"() RETURNS void AS $_$ BEGIN PERFORM 1; /* ; */ END; $_$ LANGUAGE plpgsql;
comment on column invoices."Währung" is U&'W\00E4hrung; nach ISO';
-- check: SELECT count(*) FROM invoices WHERE note = 'it''s; "done" -- ;'

/* the end, without a semicolon */
ALTER TABLE invoices ALTER COLUMN amount SET STATISTICS 500
