"""May this object be written, and how is it changed first? One file a plugin; the order is in `chain`."""
