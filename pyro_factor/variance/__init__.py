"""The variance laboratory: how noisy the ELBO's estimators are, and what it costs."""
