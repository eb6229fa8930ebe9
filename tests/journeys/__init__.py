"""Journeys: a household's life as a script a product manager can read, played on the core."""
