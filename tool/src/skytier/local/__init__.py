"""The whole stack on this machine, without a cloud."""
