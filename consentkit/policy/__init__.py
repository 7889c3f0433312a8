"""What may happen: the rule book. Pure values and functions, no I/O, no clock, no framework."""
