"""Print the mails that the catcher has caught, the newest last: `make mails`."""

import json
import sys
from urllib.request import urlopen

with urlopen("http://mail:1080/api/email", timeout=10) as answer:
    for mail in json.load(answer):
        to = ", ".join(one["ip_address"] for one in mail["to"])
        sys.stdout.write(f"{'-' * 70}\nTo: {to}\nSubject: {mail['subject']}\n\n{mail['text']}\n")
