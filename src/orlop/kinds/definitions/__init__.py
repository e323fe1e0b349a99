"""The kind CustomResourceDefinition itself: its strategies, its store and its rules, one file a theme.

What the definitions bring about, custom resources, lives in `kinds.custom`; the controllers that fill a definition's
status are `controllers.definition_*`.
"""
