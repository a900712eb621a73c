"""The SOAP partner and enterprise API: its calls, envelopes in and envelopes out."""
