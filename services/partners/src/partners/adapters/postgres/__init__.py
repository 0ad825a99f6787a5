"""The ports of `app.ports` on PostgreSQL; SQL stands beside the method that uses it."""
