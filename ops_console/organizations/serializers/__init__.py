"""What the operations API of organizations shows and takes."""
