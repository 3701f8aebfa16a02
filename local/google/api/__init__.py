"""The methods of each Google API, over the state that `Cloud` holds."""
