"""The attribute condition evaluated as Google does it, searched for holes, and explained. Needs the CEL engine."""
