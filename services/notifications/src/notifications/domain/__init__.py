"""What a notice is and when it may be sent; knows neither HTTP, nor SQL, nor events on a bus."""
