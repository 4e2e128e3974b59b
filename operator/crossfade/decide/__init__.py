"""Pure decisions: a snapshot in, a plan out. No clock, no I/O, no randomness."""
