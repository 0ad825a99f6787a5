"""Who is known here and how far their registration has come; knows neither HTTP, nor SQL, nor events on a bus."""
