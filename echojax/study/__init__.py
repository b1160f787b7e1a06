"""The study: protocol, matrix, statistics, tables, figures and report."""
