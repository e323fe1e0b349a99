"""Controllers of Deployments, ReplicaSets, Jobs and the endpoints of Services: small ones, for servers with simulated
nodes, where no kube-controller-manager runs."""
