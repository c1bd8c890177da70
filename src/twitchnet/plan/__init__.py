"""How to compute: local models become factors, and factors an order with a known cost."""
