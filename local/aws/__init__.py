"""The local AWS: MiniStack in a clean environment, its Python functions run by Lambda's own client."""
