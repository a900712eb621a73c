"""Experience Cloud: the sites of an org, their members, their mails, and how both come to be.

A site is a row of `Network` and, for what no field holds, a component of the same id; its other
half, the `CustomSite`, is a component alone. All of it needs the feature `Networks`.
"""

FEATURE = "Networks"
