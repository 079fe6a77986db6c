"""What the API reads from Postgres."""
