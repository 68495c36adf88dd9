-- refused: opaque|CALL
CALL rebuild_everything(2026);
