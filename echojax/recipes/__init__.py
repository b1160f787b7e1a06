"""Recipes: a configuration and data become a `Training`; each has its loss and its network."""
