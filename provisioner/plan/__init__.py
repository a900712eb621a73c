"""Making a plan: read the org, compare, order the steps, check policies, save the plan."""
