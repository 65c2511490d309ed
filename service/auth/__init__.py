"""Bearer tokens: which tokens exist and what each of them permits."""
