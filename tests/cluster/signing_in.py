"""Visitors of web servers with the sample application who sign in, which is counted."""

import subprocess

# Two visitors of each web server: a stranger who reads, and one who is signed in and signs in again
# and again, which is counted. Prints the number of requests, the longest one, and what failed.
VISITORS = """
import http.cookiejar, json, os, sys, threading, time, urllib.request
ended, done, failed, longest = threading.Event(), [0], [], [0]

def ask(opener, url, body=None):
    began = time.monotonic()
    data = json.dumps(body).encode() if body else None
    request = urllib.request.Request(url, data, {"Content-Type": "application/json"})
    try:
        opener.open(request, timeout=60).read()
    except OSError as error:
        failed.append(f"{url}: {error!r}")
    longest[0] = max(longest[0], time.monotonic() - began)
    done[0] += 1

def visit(address, number):
    url = f"http://{address}"
    opener = urllib.request.build_opener(
        urllib.request.HTTPCookieProcessor(http.cookiejar.CookieJar())
    )
    name = f"visitor{os.getpid()}-{number}"  # others came before
    who = {"username": name, "password": "a long and private sentence"}
    ask(opener, f"{url}/api/users", {**who, "email": f"{name}@example.org"})
    ask(opener, f"{url}/api/sessions", who)
    ready.release()
    while not ended.is_set():
        for path in ("/", "/api/posts", "/api/sessions"):
            ask(opener, url + path)
        ask(opener, f"{url}/api/sessions", who)
        ended.wait(3)  # more would be refused with 429

ready = threading.Semaphore(0)
threads = [threading.Thread(target=visit, args=each) for each in zip(sys.argv[1:], range(100))]
for each in threads: each.start()
for each in threads: ready.acquire()
print("ready", flush=True)
for line in sys.stdin:
    # So many more requests, and then an answer.
    wanted = done[0] + int(line)
    while done[0] < wanted: time.sleep(0.05)
    print("asked", flush=True)
ended.set()
for each in threads: each.join()
print(json.dumps({"requests": done[0], "longest_s": longest[0], "failed": failed}))
"""


def asked(visitors: "subprocess.Popen[str]", requests: int) -> None:
    """Wait until the visitors have made so many more requests."""
    assert visitors.stdin
    assert visitors.stdout
    visitors.stdin.write(f"{requests}\n")
    visitors.stdin.flush()
    assert visitors.stdout.readline() == "asked\n"
