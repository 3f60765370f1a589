"""How fast things are: ratios measured in one run, with the machine they hold for."""
