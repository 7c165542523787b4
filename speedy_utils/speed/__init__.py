"""How fast a system is: operations counted."""
