"""What is new in the tables, read once a process for all who follow it.

A feed reads from cursors, never from what a notification says: after a reconnect it asks for
everything above them, so nothing is missed. It rests while nobody listens.
"""
