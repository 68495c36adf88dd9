ALTER TABLE users ADD code unheard,
    DROP COLUMN name;
UPDATE users SET age = 1;
	ALTER TABLE users ALTER "Odd ""one""" TYPE int USING random();
SELCT 'ä', 1;
