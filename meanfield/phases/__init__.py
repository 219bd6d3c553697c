"""Where one phase ends and another begins: glass temperature, lines, planes, pictures."""
