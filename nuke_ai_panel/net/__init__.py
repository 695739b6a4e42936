"""The wire: addresses, decoders, one pooled session per server, and streams that notice silence. No provider is known here."""
