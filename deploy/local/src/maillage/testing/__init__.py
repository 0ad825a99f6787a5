"""What tests start for themselves: throw-away servers and databases. Never part of a run."""
