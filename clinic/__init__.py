"""The web app of Same Voice. No machine learning is imported here, directly or through another room."""
