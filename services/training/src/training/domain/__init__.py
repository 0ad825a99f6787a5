"""What a session and an enrolment are, and what may happen to them; knows neither HTTP, nor SQL, nor a bus."""
