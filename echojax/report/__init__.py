"""What every report is made of: pages, figures, tables, statistics, and where a run is from."""
