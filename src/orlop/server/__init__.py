"""What needs a socket: the listener, the filters in front of the router, and running the whole."""
