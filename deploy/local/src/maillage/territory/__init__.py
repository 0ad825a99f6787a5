"""A territory in a file: its organisations, what they may do and how they read, checked, compared and made so.

`lines` finds where something stands in a TOML file, `wanted` is what a file says, `reading` checks it, `found` is what
`partners` and `training` say, `planning` compares the two, `applying` makes the difference, `keeping` keeps secrets.
"""
