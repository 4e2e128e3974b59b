"""The shell: watches, the work queue, the reconcile loop, probes. The only room that knows kopf."""
