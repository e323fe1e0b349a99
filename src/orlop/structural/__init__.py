"""Schemas of custom kinds, compiled: what is pruned, defaulted, validated and ruled by CEL under the schema that a
CustomResourceDefinition brings. Pure."""
