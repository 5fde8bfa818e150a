"""The operations API of organizations and who belongs to them."""
