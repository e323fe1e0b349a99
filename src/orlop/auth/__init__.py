"""Who is calling, and may they: authenticators, authorizers and what both need. Decides about callers,
never about objects (that is admission)."""
