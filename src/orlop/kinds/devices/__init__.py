"""Dynamic resource allocation: devices that nodes offer, and claims to them (resource.k8s.io)."""
