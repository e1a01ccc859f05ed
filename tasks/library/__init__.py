"""A house's library: the inbox that manuscripts are put into, what is said of each beside it, and the ledger of what became of them."""
