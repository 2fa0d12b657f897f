"""What helps a model into a new season or region, one method per file."""
