"""What the commands and functions take by default; without torch, for a quick --help."""

MEASURED = ("analytic", "trace", "path", "analytic:4", "antithetic:4", "sobol:4")
RACERS = ("analytic", "trace", "path")
POINTS = (0, 10, 30, 100, 300, 1_000, 3_000, 10_000, 30_000)
