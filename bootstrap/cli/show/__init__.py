"""What people see: plans, tables, progress. Values in, text out; nothing here contacts anything."""
