"""The demonstration: a small shop with the vendors' own snippets, and a stand-in for two real trackers."""
