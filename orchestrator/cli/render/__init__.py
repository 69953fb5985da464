"""What people and scripts see: plans, progress, tables, logs and problems as text or JSON. Nothing here decides."""
