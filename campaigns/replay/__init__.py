"""Session replay: what members did in the inbox page or an app, from whichever provider their organization chose."""
