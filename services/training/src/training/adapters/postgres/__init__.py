"""Sessions, enrolments and what is known of accompaniments, in PostgreSQL."""
