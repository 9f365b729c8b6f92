"""Who is in need: scorecards that two people agreed on, assessments made with them, and what comes of those."""
