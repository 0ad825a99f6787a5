"""Delivery of streams to webhooks: who delivers, in which order, and how a request is made."""
