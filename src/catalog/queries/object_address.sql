-- Anything else by class and name, under the search_path that is set; an error where there is none.
-- $1 text: the class, $2 text[]: the parts of the name, $3 text[]: arguments
SELECT a.classid::bigint AS classid, a.objid::bigint AS objid, a.objsubid AS objsubid
  FROM pg_catalog.pg_get_object_address($1, $2::text[], $3::text[]) AS a
