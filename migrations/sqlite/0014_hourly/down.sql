DROP TABLE hourly;
