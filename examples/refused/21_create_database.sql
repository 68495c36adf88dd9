-- refused: (?i)database|opaque
CREATE DATABASE second;
