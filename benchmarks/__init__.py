"""How fast it is: ratios and rates, measured by `python -m benchmarks` and written to docs/benchmarks.md."""
