"""One agent per stream: batch, decode, domain, store, ack."""
