"""API priority and fairness: which requests belong together, and what share of the server each lot may have."""
