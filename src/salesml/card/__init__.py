"""The model card: one HTML page a trained model, in Japanese and English."""

from salesml.card.render import render_card

__all__ = ["render_card"]
