"""Tickets into triages: an online learner, its confidence and its reasons."""
