"""What objects look like: the types of built-in kinds, their codec, and what else a type alone decides."""
