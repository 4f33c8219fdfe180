"""Seatgate's face: speaks GraphQL and HTTP for the domain and holds no rule of its own."""
