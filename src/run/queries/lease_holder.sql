-- $1 text: relation
SELECT m.name, m.state
  FROM pgseam.lease AS l
  JOIN pgseam.migration AS m ON m.id = l.migration_id
 WHERE l.relation = $1
