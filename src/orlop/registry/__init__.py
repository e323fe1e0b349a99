"""REST semantics over any storage. Knows neither a kind (given as a strategy) nor a database (given as a cache)."""
