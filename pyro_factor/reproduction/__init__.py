"""The paper's tables 1–3: what they hold, what is missing, and the ledger of what was found."""
