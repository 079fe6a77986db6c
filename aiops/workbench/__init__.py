"""aiops try: the pure functions, JSON Lines in and out."""
