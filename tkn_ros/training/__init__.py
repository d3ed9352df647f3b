"""The trainer, its stages and their settings."""
