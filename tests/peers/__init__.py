"""Servers that stand in for services of others, stateful enough to be trusted by a test."""
