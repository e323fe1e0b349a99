"""Controllers that clients take for the API server itself. They write through the same stores as everyone."""
