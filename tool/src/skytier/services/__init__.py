"""The software that runs on machines: one folder for each, with its packages, files and checks."""
