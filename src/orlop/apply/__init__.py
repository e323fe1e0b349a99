"""Server-side apply: field sets, who owns which fields, and the merge of an applied configuration. Pure."""
