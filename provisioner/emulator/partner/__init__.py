"""The SOAP partner API: its calls, envelopes in and envelopes out."""
