"""What the report knows: figures computed from columns of tweets, nothing drawn yet."""
