"""A simulated node: what a kubelet does, without a container engine. A client of the API server like any other."""
