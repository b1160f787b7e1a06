"""Training loops for any network, and the run directory they write to."""
