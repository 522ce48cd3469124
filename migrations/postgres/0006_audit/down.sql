DROP TABLE key_checks;
DROP TABLE audit_log;
