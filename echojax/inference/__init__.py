"""Arrays through networks."""
