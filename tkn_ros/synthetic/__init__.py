"""Rendered scenes: camera clips whose motion is known exactly."""
