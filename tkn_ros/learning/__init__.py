"""Losses, training, evaluation, metrics and checkpoints."""
