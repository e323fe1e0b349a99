"""How bodies are written and read: JSON, YAML, protobuf, and which of them a client gets."""
