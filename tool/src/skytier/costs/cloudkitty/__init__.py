"""CloudKitty, OpenStack's rating service: its rates as a rate card, its rated data as a bill."""
