"""Networks, and nothing but networks; one file each, read top to bottom like the paper."""
