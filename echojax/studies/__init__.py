"""Studies: a question, its data, what is trained for it, and its report. None imports another."""
