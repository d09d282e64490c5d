// Packet lines: text to PacketLine. Recursive descent over words; every production stands above its function, all of them
// in docs/SUITES.md. What is wrong is a PacketLineError with the place in the line.
import { parseField } from './packet-fields.ts';
import type { ArpParty, PacketBody, PacketLine } from './packet-line.ts';
import { PacketLineError, Words } from './packet-tokens.ts';
import { parseDatagram } from './parse-datagram.ts';

const MAX_REPEAT = 100_000;
const UNITS: Readonly<Record<string, number>> = { ns: 1, us: 1e3, ms: 1e6, s: 1e9, m: 60e9, h: 3600e9, d: 86_400e9 };

/** line = [time] interface "<" packet { field } [repeat]. Throws PacketLineError. */
export function parsePacketLine(text: string): PacketLine {
  const words = new Words(text);
  const time = parseTime(words);
  const device = words.next('an interface name');
  if (words.peek()?.text !== '<') {
    throw new PacketLineError(
      `'<' must follow the interface`,
      words.place(),
      "a line reads 'lan0 < udp 192.168.1.10:5000 > 198.51.100.1:53'",
    );
  }
  words.next('<');
  const line: PacketLine = { text, interface: device.text, body: parseBody(words), fields: {}, repeat: 1 };
  if (time !== undefined) line.time = time;
  const protocol = line.body.kind === 'datagram' ? line.body.protocol : -1;
  for (let word = words.peek(); word !== undefined; word = words.peek()) {
    if (!word.isQuoted && /^x\d+$/.test(word.text)) line.repeat = parseRepeat(words);
    else parseField(words, line.fields, protocol, line.body.kind);
  }
  return line;
}

/** time = ["+" | "@"] number unit: after the packet before with "+", else since the case began. */
function parseTime(words: Words): PacketLine['time'] {
  const match = /^([+@]?)(\d+(?:\.\d+)?)(ns|us|ms|s|m|h|d)$/.exec(words.peek()?.text ?? '');
  if (match === null) return undefined;
  words.next('a time');
  return { ns: Math.round(Number(match[2]) * (UNITS[match[3] ?? ''] ?? 1)), isRelative: match[1] === '+' };
}

/** repeat = "x" number */
function parseRepeat(words: Words): number {
  const word = words.next('x10');
  const repeat = Number(word.text.slice(1));
  if (repeat >= 1 && repeat <= MAX_REPEAT) return repeat;
  throw new PacketLineError(`repeats are 1 to ${MAX_REPEAT}`, word);
}

/** packet = datagram | arp | "reply" ["to" number] | "raw" hex */
function parseBody(words: Words): PacketBody {
  const word = words.next('a packet: tcp, udp, icmp, …, ip, arp, reply or raw');
  switch (word.text) {
    case 'arp':
      return parseArp(words);
    case 'reply':
      // `to` may also be a field: the hardware address.
      if (words.peek()?.text !== 'to' || !/^\d+$/.test(words.peek(1)?.text ?? '')) return { kind: 'reply' };
      words.next('to');
      return { kind: 'reply', to: words.number('the number of a packet of this case', 1, 1e9) };
    case 'raw':
      return { kind: 'raw', octets: rawOctets(words) };
    default:
      return parseDatagram(words, word);
  }
}

/** hex = two digits an octet | "-" (none: captures hold such frames too) */
function rawOctets(words: Words): Uint8Array {
  if (words.peek()?.text !== '-') return words.octets('the octets of the frame in hexadecimal');
  words.next('-');
  return new Uint8Array(0);
}

/** arp = "arp" "who-has" address "tell" address | "arp" "reply" address "is-at" mac ["for" address mac] */
function parseArp(words: Words): PacketBody {
  const word = words.next("'who-has' or 'reply'");
  if (word.text === 'who-has') {
    const target: ArpParty = { ip: words.ipv4() };
    words.expect('tell');
    const sender: ArpParty = { ip: words.ipv4() };
    if (words.peek()?.text === 'at') {
      words.next('at');
      sender.mac = words.mac();
    }
    return { kind: 'arp', operation: 1, sender, target };
  }
  if (word.text !== 'reply')
    throw new PacketLineError("an arp packet is 'who-has A tell B' or 'reply A is-at MAC'", word);
  const sender: ArpParty = { ip: words.ipv4() };
  words.expect('is-at');
  sender.mac = words.mac();
  words.expect('for');
  const target: ArpParty = { ip: words.ipv4() };
  if (words.peek()?.text === 'at') {
    words.next('at');
    target.mac = words.mac();
  }
  return { kind: 'arp', operation: 2, sender, target };
}
