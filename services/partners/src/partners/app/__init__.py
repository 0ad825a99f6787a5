"""Use cases, one a file; each runs inside a transaction that an adapter opened."""
