"""How a stack on a cloud is looked at: by its monitor, else by its exporters, through SSH."""
