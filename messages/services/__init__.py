"""Every rule and every write on messages: clients (accounts), steering and refunds (staff), recipients, imports."""
