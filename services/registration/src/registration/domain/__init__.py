"""Persons, the support due to them and their appointments; knows neither HTTP, nor SQL, nor events on a bus."""
