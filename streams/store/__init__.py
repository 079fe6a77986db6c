"""What the agents write to Postgres."""
