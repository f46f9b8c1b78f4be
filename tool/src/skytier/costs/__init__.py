"""What a stack costs. Money is Decimal and never float; a month is 730 hours."""
