"""The RPC face of organizations and what is in them: a module of handlers for each subject."""
