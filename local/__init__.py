"""The embedded default: a local AWS and a local Google, real in everything that the chain depends on."""
