"""Object stores that are reached with credentials of their own, each by its REST API."""
