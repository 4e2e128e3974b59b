"""Rollouts of a described service, thousands at once: numpy draws what Prometheus would count, the judge decides."""
