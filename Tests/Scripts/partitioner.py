"""Kafka's default partitioner, which the Java clients use."""


def murmur2(data):
    mask, seed, m = 0xFFFFFFFF, 0x9747B28C, 0x5BD1E995
    h = (seed ^ len(data)) & mask
    for i in range(0, len(data) - len(data) % 4, 4):
        k = int.from_bytes(data[i:i + 4], "little") * m & mask
        k = (k ^ k >> 24) * m & mask
        h = (h * m & mask) ^ k
    tail = data[len(data) - len(data) % 4:]
    for n in range(len(tail) - 1, -1, -1):
        h ^= tail[n] << 8 * n
    if tail:
        h = h * m & mask
    h = (h ^ h >> 13) * m & mask
    return (h ^ h >> 15) & 0x7FFFFFFF
