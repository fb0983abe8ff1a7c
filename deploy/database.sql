-- Postgres runs this once, when its volume is new: the application's role owns its own database, and nothing else.
\set password `cat /secrets/password`
CREATE ROLE "flaskcelery" LOGIN PASSWORD :'password';
CREATE DATABASE "flaskcelery" OWNER "flaskcelery";
REVOKE ALL ON DATABASE "flaskcelery", postgres, template1 FROM PUBLIC;
-- Without a password, the superuser can only log in inside the container: docker compose exec db psql -U postgres
ALTER ROLE CURRENT_USER PASSWORD NULL;
