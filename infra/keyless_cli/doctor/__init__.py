"""`make doctor FUNCTION=name`: the layer's doctor, run as a function that is deployed."""
