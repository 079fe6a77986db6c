"""Faust agents and what they compute."""
