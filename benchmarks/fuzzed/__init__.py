"""Files for `benchmarks/fuzz.py`: what is read, by whom."""
