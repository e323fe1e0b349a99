"""Patching: a stored object's tree and a patch in, the patched tree out; pure, no I/O.

Called by `endpoints.patch` and by mutating admission. Leaves decoding of bodies to `codec`, and checking and
defaulting of the result to whoever asked for it.
"""
