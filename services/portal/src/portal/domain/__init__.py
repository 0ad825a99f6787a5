"""What the portal's pages are about, free of HTTP, SQL and frameworks."""
