"""The same stories told by every processor, and the one stream of decisions that they must come to."""
