"""Compares the codec of Core/Contract/Records with Google's protobuf.

usage: proto_check.py DESCRIPTOR_SET < lines of `Message hex`
Parses each line with Google's implementation, and prints Google's encoding in hexadecimal and the message as JSON.
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
