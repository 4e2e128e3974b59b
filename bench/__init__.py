"""Figures of the operator on a real cluster, each beside a baseline that was measured in the same run."""
