"""What all machines share: the first boot, SSH, the log, and updates."""
