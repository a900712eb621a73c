"""Who may log in, passwords and tokens, and the e-mails and history about them."""
