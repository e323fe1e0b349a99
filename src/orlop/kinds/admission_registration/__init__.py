"""The kinds by which clients register admission of their own: webhooks, policies and their bindings."""
