"""Metrics, comparison with trivial predictors, and reports."""
