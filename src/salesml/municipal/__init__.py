"""Municipal sales: published data, the budget year, and what looks across municipalities."""
