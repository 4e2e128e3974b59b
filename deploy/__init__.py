"""What people apply who have no Helm: install.yaml, which is generated, and a kustomize base."""
