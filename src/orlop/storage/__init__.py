"""Keys, bytes and revisions; ordered events. Knows no HTTP, no kind and no verb."""
