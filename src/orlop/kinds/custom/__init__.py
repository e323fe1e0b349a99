"""Custom resources: what a CustomResourceDefinition makes of the generic store, strategies, tables and scale."""
