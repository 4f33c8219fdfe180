"""One idea each, in order of their revisions."""
