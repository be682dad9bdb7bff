"""The main database's history."""
