"""Loading CSV files: rows one at a time, bad ones named by line, dry runs through the same code."""
