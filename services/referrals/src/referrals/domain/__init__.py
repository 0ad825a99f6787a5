"""What a referral is and what may happen to it; knows neither HTTP, nor SQL, nor events on a bus."""
