// The datagram of a packet line: protocol, source and destination; also of packets that ICMP errors quote.
import { nearest } from '../nft/suggest.ts';
import { formatAddress, parseAddress } from '../packet/address.ts';
import { type DatagramBody, type Endpoint, LINE_PROTOCOLS, PORT_PROTOCOLS } from './packet-line.ts';
import { PacketLineError, type Token, type Words } from './packet-tokens.ts';

/** datagram = protocol endpoint ">" endpoint | "ip" address ">" address "proto" number */
export function parseDatagram(words: Words, word: Token): DatagramBody {
  const protocol = word.text === 'ip' ? -1 : LINE_PROTOCOLS.get(word.text);
  if (protocol === undefined) {
    const known = [...LINE_PROTOCOLS.keys(), 'ip', 'arp', 'reply', 'raw'];
    const meant = nearest(word.text, known);
    const hint = meant === undefined ? `there are ${known.join(', ')}` : `did you mean '${meant}'?`;
    throw new PacketLineError(`'${word.text}' is no kind of packet`, word, hint);
  }
  const source = parseEndpoint(words, protocol);
  const arrow = words.next("'>'");
  if (arrow.text !== '>') throw new PacketLineError("'>' must stand between source and destination", arrow);
  const at = words.peek();
  const destination = parseEndpoint(words, protocol);
  if (source.address.includes(':') !== destination.address.includes(':')) {
    throw new PacketLineError('source and destination are of different families', at ?? arrow);
  }
  if (protocol >= 0) return { kind: 'datagram', protocol, source, destination };
  const proto = words.next("'proto' and a protocol number");
  if (proto.text !== 'proto') throw new PacketLineError("an 'ip' packet needs 'proto' and a number", proto);
  const bare = words.number('a protocol number', 0, 255);
  return { kind: 'datagram', protocol: bare, source, destination, isBare: true };
}

/** endpoint = address [":" port]; an IPv6 address before a port stands in brackets. */
function parseEndpoint(words: Words, protocol: number): Endpoint {
  const word = words.next('an address');
  const hasPort = PORT_PROTOCOLS.has(protocol);
  const match = /^(?:\[([^\]]*)\]|([^:]*))(?::(\d+))?$/.exec(word.text);
  const written = match?.[1] ?? match?.[2] ?? word.text;
  const octets = parseAddress(written);
  if (octets === undefined) {
    const hint = hasPort ? 'write 192.168.1.10:443 or [2001:db8::1]:443' : undefined;
    throw new PacketLineError(`'${word.text}' is no address${hasPort ? ' with a port' : ''}`, word, hint);
  }
  const address = formatAddress(octets);
  if (match?.[3] === undefined) {
    if (!hasPort) return { address };
    throw new PacketLineError(
      `'${word.text}' has no port`,
      word,
      `write ${octets.length === 4 ? address : `[${address}]`}:443`,
    );
  }
  if (!hasPort) throw new PacketLineError('this protocol has no ports', word);
  const port = Number(match[3]);
  if (port > 65_535) throw new PacketLineError(`port ${match[3]} is larger than 65535`, word);
  return { address, port };
}
