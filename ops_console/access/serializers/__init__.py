"""What the operations API of what lets callers in shows and takes."""
