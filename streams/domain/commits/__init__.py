"""Records of the commits topic into events: own JSON, webhooks of the usual forges."""
