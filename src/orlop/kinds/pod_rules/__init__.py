"""What makes a pod spec right: one file a part of it. Read from `spec`, which walks a whole spec."""
