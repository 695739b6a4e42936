"""Hosts: what the assistant works on."""
