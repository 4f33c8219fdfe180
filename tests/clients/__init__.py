"""Clients of other people before a real server: what docs/clients.md shows, played."""
