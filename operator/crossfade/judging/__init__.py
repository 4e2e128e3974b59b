"""Anyone's windows in, verdicts out: the judge on a stream of JSON lines, without a cluster and without Prometheus."""
