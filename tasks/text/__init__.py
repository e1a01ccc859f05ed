"""How words are cut and said."""
