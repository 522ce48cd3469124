DROP TABLE resend_runs;
