"""Orchestration alone: who runs when."""
