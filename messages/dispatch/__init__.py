"""Getting messages into the air: who flies what (matching), departing, landing, and timeframes that were missed."""
