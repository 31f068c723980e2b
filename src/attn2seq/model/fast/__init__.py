"""The plain equations made fast; each with a test that it equals the plain one."""
