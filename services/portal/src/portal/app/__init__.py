"""What a person can do through the pages, one use case a file."""
