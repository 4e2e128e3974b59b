"""What the operator says of itself: logs and metrics."""
