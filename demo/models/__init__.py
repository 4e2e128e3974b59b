"""The demo's models: real ones, trained in seconds on data that ships with scikit-learn."""
