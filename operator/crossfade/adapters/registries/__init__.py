"""Model registries: a reference in, the immutable place of the bytes out."""
