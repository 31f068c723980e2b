"""What a file says: lines, tables, JSON, archives."""
