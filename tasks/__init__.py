"""The stages of a book, and the rooms that they stand on."""
