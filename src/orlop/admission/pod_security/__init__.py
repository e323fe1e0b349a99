"""The Pod Security Standards: what pods may ask of their node, by the level that their namespace's labels set."""
