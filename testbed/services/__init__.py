"""The stand-in for kube-proxy: a connection to a Service's address goes to one of its ready endpoints."""
