# Sends the frames of a file (lines "IFACE HEX") out of p_IFACE, 10 ms apart.
import socket
import sys
import time

sockets = {}
for line in open(sys.argv[1]):
    name, octets = line.split()
    if name not in sockets:
        sockets[name] = socket.socket(socket.AF_PACKET, socket.SOCK_RAW)
        sockets[name].bind(("p_" + name, 0))
    sockets[name].send(bytes.fromhex(octets))
    time.sleep(0.01)
