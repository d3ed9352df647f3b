"""stub."""


def main():
    """Stub."""
