"""What tests on a real cluster share: an endpoint to roll out to, the operator as a process, and a lint of statuses."""
