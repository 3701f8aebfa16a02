"""Who may do what: principals and their tokens, roles, policies, conditions, and the check of a permission."""
