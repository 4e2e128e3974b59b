"""What speaks against Crossfade working in a cluster: facts in, findings with their cures out. Pure."""
