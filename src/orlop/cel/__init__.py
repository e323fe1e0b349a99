"""CEL, the expression language of Kubernetes' rules: text in, a compiled program out. Pure: knows types and values, and
nothing of objects, kinds or storage."""
