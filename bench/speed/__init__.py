"""The application and its neighbours, measured side by side: `bench/run` and `bench/grow`."""
