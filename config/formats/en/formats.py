"""Instants and numbers look alike in both languages: 2017-12-01 10:00, and three digits to a group."""

DATE_FORMAT = SHORT_DATE_FORMAT = "Y-m-d"
DATETIME_FORMAT = SHORT_DATETIME_FORMAT = "Y-m-d H:i"
TIME_FORMAT = "H:i"
NUMBER_GROUPING = 3
