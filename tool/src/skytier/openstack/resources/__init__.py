"""One file for each kind of OpenStack resource: find, create, reconcile, delete."""
