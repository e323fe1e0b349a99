"""Everything that is true of one built-in kind only."""
