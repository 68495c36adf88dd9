-- The migration under another name that a file was run in, unless that was rolled back.
-- $1 text: name of the file
SELECT m.name, m.state
  FROM pgseam.ledger AS l
  JOIN pgseam.migration AS m ON m.id = l.migration_id
 WHERE l.name = $1 AND m.name <> l.name AND m.state <> 'rolled_back'
