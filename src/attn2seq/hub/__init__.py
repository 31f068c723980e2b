"""Models for others: a folder that is ready for the Hugging Face hub, the way there and back."""
