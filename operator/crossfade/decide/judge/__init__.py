"""The judge: windows of raw counts in, verdicts with stated error rates out. Pure, like all of `decide`."""
