"""Words of the wire: values every floor may speak of, and nothing that does I/O."""
