"""How good frames are, region by region: methods beside each other, and what a grade is worth."""
