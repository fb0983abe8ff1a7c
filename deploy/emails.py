"""Print the emails that the mail catcher received, the newest last: `make emails`."""

import json
import sys
from urllib.request import ProxyHandler, build_opener

without_proxy = build_opener(ProxyHandler({}))  # whatever http_proxy says
with without_proxy.open("http://mail:1080/api/email", timeout=10) as answer:
    for email in json.load(answer):
        to = ", ".join(one["address"] for one in email["to"])
        sys.stdout.write(f"{'-' * 70}\nTo: {to}\nSubject: {email['subject']}\n\n{email['text']}\n")
