"""Holds Core/Contract/Records' codec against Google's protobuf.

usage: proto_check.py DESCRIPTOR_SET < lines of `Message hex`
For each line: parse with Google's implementation, print the message as sorted JSON, and Google's own bytes.
"""
import json
import sys

from google.protobuf import descriptor_pb2, descriptor_pool, json_format, message_factory

files = descriptor_pb2.FileDescriptorSet.FromString(open(sys.argv[1], "rb").read())
pool = descriptor_pool.DescriptorPool()
for file in files.file:
    pool.Add(file)
for line in sys.stdin:
    name, data = line.split()
    kind = message_factory.GetMessageClass(pool.FindMessageTypeByName("millrace." + name))
    message = kind.FromString(bytes.fromhex(data))
    text = json.dumps(json_format.MessageToDict(message), sort_keys=True)
    print(message.SerializeToString(deterministic=True).hex(), text)
