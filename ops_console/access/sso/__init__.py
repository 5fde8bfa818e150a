"""Identity providers of organizations: their metadata, and the proof that a domain is whose it is said to be."""
