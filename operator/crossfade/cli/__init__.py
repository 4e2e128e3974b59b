"""What people and pods call: one module a command."""
