"""HTTP in: operators, and the receipts of the SMS gateway."""
