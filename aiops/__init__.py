"""The command aiops and the local stack."""
