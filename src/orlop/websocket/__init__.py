"""WebSocket on the server's side, and the subprotocols with which Kubernetes puts several channels into one.

Between the server's rooms (exec, attach, port-forward, log) and a raw connection.
"""
