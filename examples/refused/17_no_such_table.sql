-- refused: does not exist
ALTER TABLE custommers ADD COLUMN typo text;
