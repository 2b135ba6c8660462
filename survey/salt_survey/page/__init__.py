"""The page of a survey: before a run to choose by, after it to judge by."""
