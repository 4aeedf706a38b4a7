"""The real servers with TLS: minutes, so only with VIRAL_TEST_TLS=1, as `make tls` sets it."""
