DROP TABLE api_token_projects;
DROP TABLE api_tokens;
