"""`make demo`: real models on a real cluster, one version promoted, one rolled back by itself."""
