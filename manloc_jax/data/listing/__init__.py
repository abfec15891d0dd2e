"""Which files there are: folders walked, tables read, photographs grouped."""
