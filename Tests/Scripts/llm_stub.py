"""A chat endpoint that produces faults on demand.

usage: llm_stub.py PORTFILE
A word in the question selects the answer: SLOW (after 5 s), HANG (nothing for 60 s), LIMIT (429 with Retry-After 1,
once per question), AGAIN (the same with 0), FOREVER (always 429, with 1e300), CUT (the stream ends early), LIE (a
sentence that no document supports), REFUSE, ERROR (HTTP 500). Without such a word, the answer is the first sentence of
the text's last line. GET /count returns the number of requests and the Authorization header of the last request."""
import json, re, sys, threading, time
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

limited, count, lock = set(), [0], threading.Lock()
authorization = [None]


class Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"

    def log_message(self, *_):
        pass

    def do_GET(self):
        body = json.dumps({"count": count[0], "authorization": authorization[0]}).encode()
        self.send_response(200)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def chunk(self, text):
        data = text.encode()
        self.wfile.write(b"%x\r\n%s\r\n" % (len(data), data))
        self.wfile.flush()

    def event(self, content, finish=None):
        self.chunk("data: " + json.dumps({"model": "stub", "choices": [
            {"delta": {"content": content} if content else {}, "finish_reason": finish}]}) + "\n\n")

    def do_POST(self):
        with lock:
            count[0] += 1
            authorization[0] = self.headers["Authorization"]
        request = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
        content = request["messages"][-1]["content"]
        question = re.search(r"Question: (.*)", content).group(1)
        text = re.search(r"Text:\n(.*?)\n\nQuestion:", content, re.S).group(1)
        with lock:
            waits = {word: seconds for word, seconds in (("LIMIT", "1"), ("AGAIN", "0"), ("FOREVER", "1e300"))
                     if word in question and (word == "FOREVER" or question not in limited)}
            limited.add(question)
        if waits or "ERROR" in question:
            self.send_response(429 if waits else 500)
            for seconds in waits.values():
                self.send_header("Retry-After", seconds)
            self.send_header("Content-Length", "0")
            self.end_headers()
            return
        if "SLOW" in question:
            time.sleep(5)
        self.send_response(200)
        self.send_header("Content-Type", "text/event-stream")
        self.send_header("Transfer-Encoding", "chunked")
        self.end_headers()
        if "HANG" in question:
            time.sleep(60)
        answer = re.split(r"(?<=[.!?])\s", text.split("\n")[-1])[0]
        if "LIE" in question:
            answer = "The moon is made of 42 green cheeses."
        if "REFUSE" in question:
            answer = "NOT IN THE DOCUMENTS"
        for word in re.findall(r"\S+\s*", answer):
            self.event(word)
        if "CUT" in question:
            self.close_connection = True
            return
        self.event("", "stop")
        self.chunk("data: " + json.dumps({"model": "stub", "choices": [], "usage": {
            "prompt_tokens": 11, "completion_tokens": 7}}) + "\n\n")
        self.chunk("data: [DONE]\n\n")
        self.chunk("")


server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
with open(sys.argv[1] + ".new", "w") as file:
    file.write(str(server.server_port))
import os
os.rename(sys.argv[1] + ".new", sys.argv[1])
server.serve_forever()
