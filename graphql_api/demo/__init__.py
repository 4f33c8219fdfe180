"""A small host on top of Seatgate, with people and organizations to try it on. For development only."""
