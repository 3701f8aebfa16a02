"""Every way in which the chain fails. Nothing is imported here: the catalogue is read when something has failed."""
