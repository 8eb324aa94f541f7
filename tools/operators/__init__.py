"""The fit of operator times: one file per operator family reads its measured tables, `fitting` does the rest."""
