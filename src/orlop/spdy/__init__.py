"""SPDY/3.1 as Kubernetes speaks it: many streams over one upgraded connection, in both roles.

Between the server's kubelet client (or a simulated node's kubelet) and a raw connection. `connection` is the protocol
without any input or output; `session` runs it over a `RawConnection` for coroutines.
"""
