"""What passes: requests, answers and pages, filtered by the visitor's consent."""
