"""Workloads: the kinds that make pods of a template, and those that steer them."""
