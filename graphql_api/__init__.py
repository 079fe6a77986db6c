"""The aiohttp GraphQL service."""
