"""How fast each backend is, and what it costs."""
