"""The README's own commands, on a cluster that has nothing of ours yet."""
