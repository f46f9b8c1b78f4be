"""What a stack costs: before, while and after it is there. Money is Decimal and never float.

`rates` is what things cost, `usage` what was used, `meters` how the one is counted by the other;
`charge` prices it exactly, `statement` rounds it. `price` and `bill` are what a plan would cost.
"""
