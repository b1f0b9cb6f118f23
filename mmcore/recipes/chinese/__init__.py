"""How the Chinese-English dictionary of the bundle is made."""
