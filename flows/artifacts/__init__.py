"""What Prefect's pages show of a run: artifacts of a book, a library and a retelling."""
