"""One file for each thing outside the operator. Adapters fulfil the ports and know nothing of each other."""
