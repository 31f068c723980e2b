"""A trained model behind HTTP: what is asked and answered, batches of requests, the application."""
