"""MLflow's and DVC's view of runs."""
