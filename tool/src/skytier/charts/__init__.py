"""What a figure over time is, and its expression, by Prometheus and by scrapes alike."""
