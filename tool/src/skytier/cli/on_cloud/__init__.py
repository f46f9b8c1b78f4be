"""What the commands do when the stack is on a cloud. Imported when it is: openstacksdk is slow."""
