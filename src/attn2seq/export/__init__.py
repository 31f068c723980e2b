"""Trained models in the forms that other runtimes read."""
