"""Registration over HTTP: for services, for the organisations that accompany somebody, and for the person by link."""
