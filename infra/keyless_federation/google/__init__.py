"""Google's APIs: the client, and the resources that a federation consists of."""
