"""Identity providers of organizations: their metadata, the proof of their domains, and whom they vouch for."""
