"""One source, many outputs: CRDs, editor schemas and reference pages from the types in `crossfade.api`."""
