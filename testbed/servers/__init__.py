"""Model servers that the testbed runs as pods."""
