"""Where the portal touches the outside: browsers, the services' APIs, PostgreSQL, the official geography."""
