"""Redis: one server whose keys stay, and one for cached data."""
