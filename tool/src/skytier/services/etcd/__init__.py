"""etcd: what the database members agree by."""
