"""Who looks: the pages on which people read the log."""
