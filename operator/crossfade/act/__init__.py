"""Plan to world: the only writers, but for status."""
