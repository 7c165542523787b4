"""Distillation: losses, alignment between tokenizations, the teacher's cache, the trainer."""
