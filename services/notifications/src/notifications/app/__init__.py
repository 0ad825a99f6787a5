"""Use cases: one file each, one transaction each, opened by whoever calls."""
