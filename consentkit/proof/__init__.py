"""What was said: the memory, an append-only log that an outsider can verify."""
