// The fields of a packet line, a word each with what follows it: `ttl 63`, `dscp ef`, `vlan 10`, `len 1400`, `S`.
import { nearest } from '../nft/suggest.ts';
import { DSCP, ECN, type SymbolTable, symbolValue } from '../nft/symbols.ts';
import { icmpCode, icmpNames, icmpType } from './icmp-words.ts';
import { type Amount, type PacketFields, SCTP_CHUNK_TYPES, TCP_FLAG_LETTERS } from './packet-line.ts';
import { PacketLineError, type Token, type Words } from './packet-tokens.ts';
import { parseDatagram } from './parse-datagram.ts';
import { tcpOption } from './tcp-options.ts';

const TCP = 6;
const ICMP = 1;
const ICMPV6 = 58;
const SCTP = 132;
const UINT32 = 0xffffffff;

type Parse = (words: Words, fields: PacketFields, word: Token) => void;

/** field = a row's word and its values. */
const FIELDS: Readonly<Record<string, Parse>> = {
  from: (words, fields) => void (fields.from = words.mac()),
  to: (words, fields) => void (fields.to = words.mac()),
  vlan: (words, fields) => addTag(words, fields, 0x8100),
  qinq: (words, fields) => addTag(words, fields, 0x88a8),
  pppoe: (words, fields) => void (fields.pppoe = words.number('a PPPoE session', 0, 65_535)),
  padding: (words, fields) => void (fields.padding = words.number('a number of octets', 1, 65_535)),
  cut: (words, fields) => void (fields.cut = words.number('a number of octets', 1, 1 << 18)),
  wire: (words, fields) => void (fields.wire = words.number('a number of octets', 1, 1 << 24)),
  ttl: (words, fields) => void (fields.ttl = words.number('a TTL', 0, 255)),
  hoplimit: (words, fields) => void (fields.ttl = words.number('a hop limit', 0, 255)),
  dscp: (words, fields) => void (fields.dscp = named(words, DSCP, 'a DSCP', 63)),
  ecn: (words, fields) => void (fields.ecn = named(words, ECN, 'an ECN value', 3)),
  ipid: (words, fields) => void (fields.ipId = words.number('an identification', 0, UINT32)),
  df: (_words, fields) => void (fields.dontFragment = true),
  mf: (_words, fields) => void (fields.moreFragments = true),
  frag: (words, fields) => void (fields.fragmentOffset = fragmentOffset(words)),
  mtu: (words, fields) => void (fields.mtu = words.number('an MTU', 68, 65_535)),
  ipoptions: (words, fields) => void (fields.ipOptions = wholeWords(words, 40)),
  flowlabel: (words, fields) => void (fields.flowLabel = words.number('a flow label', 0, 0xfffff)),
  ipcsum: (words, fields) => void (fields.ipChecksum = checksum(words, 0xffff)),
  csum: (words, fields) => void (fields.checksum = checksum(words, UINT32)),
  flags: (words, fields) => void (fields.flags = flags(words.next('TCP flags'))),
  seq: (words, fields) => void (fields.seq = amount(words)),
  ack: (words, fields) => void (fields.ack = amount(words)),
  win: (words, fields) => void (fields.window = words.number('a window', 0, 65_535)),
  urg: (words, fields) => void (fields.urgent = words.number('an urgent pointer', 0, 65_535)),
  options: (words, fields) => addOptions(fields, wholeWords(words, 40)),
  nooptions: (_words, fields) => addOptions(fields, new Uint8Array(0)),
  mss: (words, fields) => addOptions(fields, tcpOption('mss', [words.number('an MSS', 0, 65_535)])),
  wscale: (words, fields) => addOptions(fields, tcpOption('wscale', [words.number('a window scale', 0, 255)])),
  sackok: (_words, fields) => addOptions(fields, tcpOption('sackok', [])),
  ts: (words, fields) =>
    addOptions(
      fields,
      tcpOption('ts', [words.number('a timestamp', 0, UINT32), words.number('a timestamp echo', 0, UINT32)]),
    ),
  id: (words, fields) => void (fields.id = words.number('an identifier', 0, 65_535)),
  rest: (words, fields) => void (fields.rest = words.number('a header word', 0, UINT32)),
  quoting: parseQuote,
  vtag: (words, fields) => void (fields.vtag = words.number('a verification tag', 0, UINT32)),
  chunk: (words, fields) => void (fields.chunk = words.number('a chunk type', 0, 255)),
  spi: (words, fields) => void (fields.spi = words.number('an SPI', 0, UINT32)),
  len: (words, fields) => void (fields.payload = new Uint8Array(words.number('octets of payload', 0, 65_535))),
  hex: (words, fields) => void (fields.payload = words.octets('octets in hexadecimal')),
  text: (words, fields) => void (fields.payload = text(words)),
};

/**
 * Reads one field into `fields`; `protocol` -1: not a datagram. ICMP types, SCTP chunks and TCP flags stand without a
 * word of their own. Throws PacketLineError.
 */
export function parseField(words: Words, fields: PacketFields, protocol: number, kind: string): void {
  const word = words.next('a field');
  const isReply = kind === 'reply';
  if (!word.isQuoted) {
    const parse = Object.hasOwn(FIELDS, word.text) ? FIELDS[word.text] : undefined;
    if (parse !== undefined) {
      parse(words, fields, word);
      return;
    }
    if ((protocol === TCP || isReply) && isFlags(word.text)) {
      fields.flags = flags(word);
      return;
    }
    if (
      (protocol === ICMP || protocol === ICMPV6) &&
      fields.type === undefined &&
      icmp(words, fields, protocol, word)
    ) {
      return;
    }
    const chunk = protocol === SCTP || isReply ? SCTP_CHUNK_TYPES.get(word.text) : undefined;
    if (chunk !== undefined) {
      fields.chunk = chunk;
      return;
    }
  }
  throw unknown(word, protocol);
}

function unknown(word: Token, protocol: number): PacketLineError {
  const known = Object.keys(FIELDS);
  if (protocol === ICMP || protocol === ICMPV6) known.push(...icmpNames(protocol));
  if (protocol === SCTP) known.push(...SCTP_CHUNK_TYPES.keys());
  const meant = nearest(word.text, known);
  const hint =
    meant !== undefined
      ? `did you mean '${meant}'?`
      : protocol === TCP
        ? `flags are letters of ${TCP_FLAG_LETTERS}; fields are words such as ttl, len, seq, vlan`
        : 'fields are words such as ttl, len, dscp, vlan';
  return new PacketLineError(`'${word.text.slice(0, 40)}' is no field of a packet`, word, hint);
}

function icmp(words: Words, fields: PacketFields, protocol: 1 | 58, word: Token): boolean {
  const found = icmpType(protocol, word.text);
  if (found === undefined) return false;
  fields.type = found.type;
  if (found.code !== undefined) fields.code = found.code;
  else {
    const code = icmpCode(protocol, words.peek()?.text ?? '');
    if (code === undefined) return true;
    words.next('a code');
    fields.code = code;
  }
  return true;
}

/** quoting = "quoting" ( number | "(" datagram { field } ")" ) */
function parseQuote(words: Words, fields: PacketFields, word: Token): void {
  if (words.peek()?.text !== '(') {
    fields.quote = { packet: words.number('the number of a packet of this case, or a packet in parentheses', 1, 1e9) };
    return;
  }
  words.next('(');
  const body = parseDatagram(words, words.next('a packet'));
  const inner: PacketFields = {};
  for (;;) {
    const next = words.peek();
    if (next === undefined) throw new PacketLineError('the parenthesis is never closed', word);
    if (next.text === ')' && !next.isQuoted) break;
    if (next.text === 'quoting') throw new PacketLineError('a quoted packet quotes no other', next);
    parseField(words, inner, body.protocol, body.kind);
  }
  words.next(')');
  fields.quote = { body, fields: inner };
}

function isFlags(text: string): boolean {
  return text === '-' || new RegExp(`^[${TCP_FLAG_LETTERS}]+$`).test(text);
}

/** In the order of TCP_FLAG_LETTERS, '' for '-' (none). */
function flags(word: Token): string {
  if (!isFlags(word.text)) {
    throw new PacketLineError(`'${word.text}' are no TCP flags`, word, `letters of ${TCP_FLAG_LETTERS}, or - for none`);
  }
  return [...TCP_FLAG_LETTERS].filter((letter) => word.text.includes(letter)).join('');
}

/** amount = number | "+" number | "-" number: signed, it is added to what would be right. */
function amount(words: Words): Amount {
  const word = words.next('a number');
  const match = /^([+-]?)(\d+)$/.exec(word.text);
  const value = Number(match?.[2]);
  if (match === null || value > UINT32) {
    throw new PacketLineError(
      `'${word.text}' is no sequence number`,
      word,
      '1000 is absolute, +1000 added to what is right',
    );
  }
  return { value: match[1] === '-' ? -value : value, isRelative: match[1] !== '' };
}

function addTag(words: Words, fields: PacketFields, protocol: number): void {
  const word = words.next('a VLAN id');
  const match = /^(\d{1,4})(?:\.([0-7]))?$/.exec(word.text);
  const id = Number(match?.[1]);
  if (match === null || id > 4095) {
    throw new PacketLineError(`'${word.text}' is no VLAN id`, word, 'an id up to 4095, with priority 5: 100.5');
  }
  fields.vlans = [...(fields.vlans ?? []), { id, protocol, priority: Number(match[2] ?? 0) }];
}

function addOptions(fields: PacketFields, octets: Uint8Array): void {
  const before = fields.options ?? new Uint8Array(0);
  const all = new Uint8Array(before.length + octets.length);
  all.set(before);
  all.set(octets, before.length);
  fields.options = all;
}

function wholeWords(words: Words, maximum: number): Uint8Array {
  const word = words.place();
  const octets = words.octets('octets in hexadecimal');
  if (octets.length % 4 === 0 && octets.length <= maximum) return octets;
  throw new PacketLineError(`options are a multiple of 4 octets, at most ${maximum}`, word);
}

function fragmentOffset(words: Words): number {
  const word = words.place();
  const offset = words.number('an offset in octets', 0, 65_528);
  if (offset % 8 === 0) return offset;
  throw new PacketLineError('a fragment begins at a multiple of 8 octets', word);
}

function checksum(words: Words, maximum: number): 'bad' | number {
  if (words.peek()?.text !== 'bad') return words.number("'bad' or a checksum", 0, maximum);
  words.next('bad');
  return 'bad';
}

function named(words: Words, table: SymbolTable, what: string, maximum: number): number {
  const value = symbolValue(table, words.peek()?.text ?? '');
  if (value === undefined) return words.number(what, 0, maximum);
  words.next(what);
  return value;
}

function text(words: Words): Uint8Array {
  const word = words.next('text in quotes');
  if (!word.isQuoted) throw new PacketLineError('text stands in quotes', word, `write text "${word.text}"`);
  return new Uint8Array(Buffer.from(word.text, 'utf8'));
}
