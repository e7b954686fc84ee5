"""What a person types: Typer and rich, one file per command: parse, call a task, render."""
