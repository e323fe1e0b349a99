"""One HTTP request in, one answer out. Knows verbs, versions and representations; leaves storage to the registry."""
