"""What only the paper's tables need."""
