"""E-mail addresses: the pages to which links in mails lead, logged in or not."""
