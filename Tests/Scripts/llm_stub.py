"""A chat endpoint that produces faults on demand.

usage: llm_stub.py PORTFILE
A word in the question selects the answer: SLOW (after 5 s), HANG (nothing for 60 s), LIMIT (429 with Retry-After 1,
once per question), AGAIN (the same with 0), FOREVER (always 429, with 1e300), CUT (the stream ends early), LIE (a
sentence that no document supports), REFUSE, ERROR (HTTP 500), THINK, CLOSED and REASON (thoughts hold the fact, and the
answer refuses: in tags, before a lone closing tag, in `reasoning_content`), DREAM (only a thought, without an end),
LENGTH and FILTER (the last sentence is cut off), WHOLE (no stream), NOFINISH (only [DONE] ends the stream), LASTLINE
(no line break does), COMMENTS (with CRLF), UNPAID (HTTP 403 that repeats key and question). Without such a word, the
answer is the first sentence of the text's last line.

The same words in the question or the model's name refuse requests, as servers do: NEWER (max_tokens and temperature),
NOOPTIONS (stream_options), NOSYSTEM (the system role), STRICT (roles that do not alternate).

GET /count returns the number of requests, and the Authorization header, the fields and the roles of the last one."""
import json, re, sys, threading, time
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

limited, count, lock = set(), [0], threading.Lock()
authorization, last = [None], [{}]


class Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"

    def log_message(self, *_):
        pass

    def do_GET(self):
        body = json.dumps({"count": count[0], "authorization": authorization[0], **last[0]}).encode()
        self.send_response(200)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def chunk(self, text):
        data = text.encode()
        self.wfile.write(b"%x\r\n%s\r\n" % (len(data), data))
        self.wfile.flush()

    def event(self, content, finish=None, end="\n\n", member="content"):
        self.chunk("data: " + json.dumps({"model": "stub", "choices": [
            {"delta": {member: content} if content else {}, "finish_reason": finish}]}) + end)

    def whole(self, status, reply):
        body = json.dumps(reply).encode()
        self.send_response(status)
        self.send_header("Content-Type", "application/json")
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def refusal(self, words, request):
        """(status, error) of a request that a server with these habits refuses, or None."""
        roles = [message["role"] for message in request["messages"]]
        turns = roles[1:] if roles[0] == "system" else roles
        if "NEWER" in words and "max_tokens" in request:
            return 400, {"message": "Unsupported parameter: 'max_tokens' is not supported with this model. "
                         "Use 'max_completion_tokens' instead.", "param": "max_tokens"}
        if "NEWER" in words and request.get("temperature") not in (None, 1):
            return 400, {"message": "Unsupported value: 'temperature' does not support 0 with this model.",
                         "param": "temperature"}
        if "NOOPTIONS" in words and "stream_options" in request:
            return 422, {"message": "Extra inputs are not permitted: stream_options"}
        if "NOSYSTEM" in words and roles[0] == "system":
            return 400, {"message": "System role not supported"}
        if "STRICT" in words and turns != [("user", "assistant")[i % 2] for i in range(len(turns))]:
            return 400, {"message": "Conversation roles must alternate user/assistant/user/assistant/..."}
        return None

    def do_POST(self):
        with lock:
            count[0] += 1
            authorization[0] = self.headers["Authorization"]
        request = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
        content = request["messages"][-1]["content"]
        question = re.search(r"Question: (.*)", content).group(1)
        text = re.search(r"Text:\n(.*?)\n\nQuestion:", content, re.S).group(1)
        with lock:
            last[0] = {"fields": sorted(request), "roles": [message["role"] for message in request["messages"]]}
        refusal = self.refusal(question + request["model"], request)
        if "UNPAID" in question:
            refusal = 403, {"message": f"Incorrect API key provided: sk-abcdefgh1234. You asked: {question}"}
        if refusal:
            self.whole(refusal[0], {"error": refusal[1]})
            return
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
        answer = re.split(r"(?<=[.!?])\s", text.split("\n")[-1])[0]
        if "WHOLE" in question:
            self.whole(200, {"object": "chat.completion", "model": "stub", "choices": [
                {"index": 0, "message": {"role": "assistant", "content": answer}, "finish_reason": "stop"}]})
            return
        if "SLOW" in question:
            time.sleep(5)
        self.send_response(200)
        self.send_header("Content-Type", "text/event-stream")
        self.send_header("Transfer-Encoding", "chunked")
        self.end_headers()
        if "HANG" in question:
            time.sleep(60)
        if "LIE" in question:
            answer = "The moon is made of 42 green cheeses."
        if "REFUSE" in question:
            answer = "NOT IN THE DOCUMENTS"
        thought = answer + " That is another lamp."
        refused = "\n\nNOT IN THE DOCUMENTS"
        if "THINK" in question:
            answer = f"<think>\n{thought}\n</think>{refused}"
        if "CLOSED" in question:
            answer = f"{thought}\n</think>{refused}"
        if "REASON" in question:
            self.event(thought, member="reasoning_content")
            answer = refused
        if "DREAM" in question:
            answer = f"<think>\n{thought}"
        if "LENGTH" in question or "FILTER" in question:
            answer += " The harbour lamp is painted"
        end = "\r\n\r\n" if "COMMENTS" in question else "\n\n"
        if "COMMENTS" in question:
            self.chunk(": wait" + end)
        # A tag may be split over events.
        for piece in re.findall(r"(?s).{1,7}", answer):
            self.event(piece, end=end)
        if "CUT" in question:
            self.close_connection = True
            return
        finish = "length" if "LENGTH" in question or "DREAM" in question else "stop"
        finish = "content_filter" if "FILTER" in question else finish
        if "LASTLINE" in question:
            self.event("", finish, end="")
            self.chunk("")
            return
        if "NOFINISH" not in question:
            self.event("", finish, end=end)
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
