"""For `benchmarks/kills.py`: commands that write, killed at random moments, and what has to be the same then."""
