"""What a customer has paid for: the catalog, the pure resolver and the gate that denies every doubt."""
