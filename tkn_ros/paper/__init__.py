"""The paper's tables beside this implementation."""
