"""What runs the network: one file for each runtime."""
