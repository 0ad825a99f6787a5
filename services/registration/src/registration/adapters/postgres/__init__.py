"""Registration's tables, one module for each thing they are about."""
