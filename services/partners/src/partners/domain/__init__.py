"""What partners decide, in plain values: no database, no bus, no framework."""
