"""What is counted, how it is counted and how a scrape shows it."""
