"""MonitoringConfig the stack on this machine, by what the machine has for it."""
