"""Kinds declared in Python: a typed class becomes a CustomResourceDefinition that this server serves, or any other.

The public names of this room are in `orlop` itself. `embedding` and the command `orlop crd` call it; it hands
`kinds.custom.program.Program`s to the server, which serves them as it serves all definitions.
"""
