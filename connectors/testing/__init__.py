"""What a channel is tested with: the contract suite, the sandbox server, the scaffold."""
