"""The desk of the embedded stack: where e-mails, text messages and spans end instead of leaving this machine.

One process, on loopback only: it shows what people were sent without asking who looks, and is never started on a
site.
"""
