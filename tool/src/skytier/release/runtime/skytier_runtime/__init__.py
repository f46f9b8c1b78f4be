"""What runs an operator's application on a machine: it lies in every release, beside their code.

It imports nothing of Skytier. The release's own packages have Uvicorn or Gunicorn.
"""
