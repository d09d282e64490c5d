// A frame as a packet line, as short as it can be: what the builder would fill in by itself is left out. Each line is
// built again and compared; a frame that no words make is written as `raw HEX`. So parsing what is printed gives the frame.
import { DSCP, ECN, symbolName } from '../nft/symbols.ts';
import {
  buildDatagram,
  DEFAULT_GRE_WORD,
  DEFAULT_ICMP_ID,
  DEFAULT_ICMP_SEQUENCE,
  DEFAULT_IP_ID,
  DEFAULT_SPI,
  DEFAULT_TTL,
  DEFAULT_VTAG,
  DEFAULT_WINDOW,
} from './build-datagram.ts';
import type { PacketBuilder } from './build-packet.ts';
import { type Dissected, dissect, dissectDatagram } from './dissect.ts';
import { icmpWords } from './icmp-words.ts';
import type { Link } from './link.ts';
import {
  type DatagramBody,
  type Endpoint,
  lineProtocolName,
  type PacketBody,
  type PacketFields,
} from './packet-line.ts';
import { quotedText } from './packet-tokens.ts';
import { parsePacketLine } from './parse-packet.ts';
import { SYN_OPTIONS, tcpOptionWords } from './tcp-options.ts';

const TCP = 6;
const ICMP = 1;
const ICMPV6 = 58;
const SCTP = 132;
const GRE = 47;
const ESP = 50;

export interface PrintContext {
  /** Where it enters. */
  interface: string;
  link: Link;
  /** Knows the conversations so far; their numbers are left out when they go on as expected. */
  builder?: PacketBuilder;
  wireOctets?: number;
  /** Leaves out what need not be exact: then the line gives a similar frame. */
  detail?: (fields: PacketFields) => PacketFields;
}

/** The line of a frame: parsed and built again, in the same context, it is that frame. */
export function printPacket(frame: Uint8Array, context: PrintContext): string {
  const wireOctets = context.wireOctets ?? frame.length;
  const parts = dissect(frame, wireOctets);
  if (parts !== undefined && context.detail !== undefined) {
    return linePlain({ body: parts.body, fields: context.detail(parts.fields) }, context);
  }
  if (parts !== undefined) {
    for (const text of [linePlain(parts, context), genericLine(parts, context)]) {
      if (text !== undefined && isSame(text, frame, wireOctets, context)) return text;
    }
  }
  const wire = wireOctets > frame.length ? ` wire ${wireOctets}` : '';
  return `${context.interface} < raw ${frame.length === 0 ? '-' : hex(frame)}${wire}`;
}

function isSame(text: string, frame: Uint8Array, wireOctets: number, { builder }: PrintContext): boolean {
  if (builder === undefined) return true;
  const [built, more] = builder.preview(parsePacketLine(text));
  if (built === undefined || more !== undefined) return false;
  return built.wireOctets === wireOctets && Buffer.compare(built.octets, frame) === 0;
}

function linePlain({ body, fields }: Dissected, context: PrintContext): string {
  const words = [`${context.interface} <`, bodyWords(body)];
  if (body.kind === 'datagram') words.push(...datagramWords(body, fields, context));
  words.push(...linkWords(body, fields, context));
  return words.filter((word) => word !== '').join(' ');
}

/** `ip A > B proto N hex …`: for headers that are cut or lie. */
function genericLine({ body, fields }: Dissected, context: PrintContext): string | undefined {
  if (body.kind !== 'datagram') return undefined;
  if (body.isBare) return undefined;
  const datagram = buildDatagram(body, fields);
  const header = body.source.address.includes(':') ? 40 : ((datagram[0] as number) & 15) * 4;
  const { checksum: _, ...others } = fields;
  const plain: PacketFields = { ...others, payload: datagram.slice(header) };
  const words = [
    `${context.interface} < ip ${body.source.address} > ${body.destination.address} proto ${body.protocol}`,
    ...payloadWords(plain.payload),
    ...ipWords(plain, { ...body, isBare: true }),
    ...linkWords(body, plain, context),
  ];
  return words.join(' ');
}

/** 'tcp 192.168.1.10:40000 > 198.51.100.7:443', for messages too. */
export function bodyWords(body: PacketBody): string {
  switch (body.kind) {
    case 'arp': {
      const { operation, sender, target } = body;
      if (operation === 1)
        return `arp who-has ${target.ip} tell ${sender.ip}${sender.mac === undefined ? '' : ` at ${sender.mac}`}`;
      return `arp reply ${sender.ip} is-at ${sender.mac} for ${target.ip}${target.mac === undefined ? '' : ` at ${target.mac}`}`;
    }
    case 'datagram': {
      const name = body.isBare ? undefined : lineProtocolName(body.protocol);
      const ends = `${endpoint(body.source)} > ${endpoint(body.destination)}`;
      return name === undefined ? `ip ${ends} proto ${body.protocol}` : `${name} ${ends}`;
    }
    case 'reply':
      return body.to === undefined ? 'reply' : `reply to ${body.to}`;
    case 'raw':
      return `raw ${body.octets.length === 0 ? '-' : hex(body.octets)}`;
  }
}

function endpoint({ address, port }: Endpoint): string {
  if (port === undefined) return address;
  return address.includes(':') ? `[${address}]:${port}` : `${address}:${port}`;
}

/** Words of a datagram behind its addresses. */
export function datagramWords(body: DatagramBody, fields: PacketFields, context?: PrintContext): string[] {
  return [
    ...protocolWords(body, fields, context),
    ...payloadWords(fields.payload),
    ...ipWords(fields, body),
    ...checksumWords(body, fields),
  ];
}

function protocolWords(body: DatagramBody, fields: PacketFields, context: PrintContext | undefined): string[] {
  if (body.isBare) return [];
  switch (body.protocol) {
    case TCP:
      return tcpWords(body, fields, context);
    case ICMP:
    case ICMPV6: {
      const words = [icmpWords(body.protocol, fields.type ?? 0, fields.code ?? 0)];
      if (fields.id !== undefined && fields.id !== DEFAULT_ICMP_ID) words.push(`id ${fields.id}`);
      if (fields.seq !== undefined && fields.seq.value !== DEFAULT_ICMP_SEQUENCE) words.push(`seq ${fields.seq.value}`);
      if (fields.rest !== undefined && fields.rest !== 0) words.push(`rest ${fields.rest}`);
      return words;
    }
    case SCTP:
      return fields.vtag === undefined || fields.vtag === DEFAULT_VTAG ? [] : [`vtag ${fields.vtag}`];
    case GRE:
      return fields.rest === undefined || fields.rest === DEFAULT_GRE_WORD ? [] : [`rest ${fields.rest}`];
    case ESP: {
      const words = fields.spi === undefined || fields.spi === DEFAULT_SPI ? [] : [`spi ${fields.spi}`];
      if (fields.seq !== undefined && fields.seq.value !== 1) words.push(`seq ${fields.seq.value}`);
      return words;
    }
    default:
      return [];
  }
}

function tcpWords(body: DatagramBody, fields: PacketFields, context: PrintContext | undefined): string[] {
  const flags = fields.flags ?? 'A';
  const words = [flags === '' ? '-' : flags];
  const { seq, ack, ...open } = fields;
  const right = context?.builder?.predict(body, open);
  if (seq !== undefined && seq.value !== right?.seq) words.push(`seq ${seq.value}`);
  if (ack !== undefined && ack.value !== (right?.ack ?? (flags.includes('A') ? -1 : 0))) words.push(`ack ${ack.value}`);
  if (fields.window !== undefined && fields.window !== DEFAULT_WINDOW) words.push(`win ${fields.window}`);
  if ((fields.urgent ?? 0) !== 0) words.push(`urg ${fields.urgent}`);
  const { options } = fields;
  const usual = flags.includes('S') ? SYN_OPTIONS : new Uint8Array(0);
  if (options !== undefined && Buffer.compare(options, usual) !== 0) words.push(...tcpOptionWords(options));
  return words;
}

function payloadWords(payload: Uint8Array | undefined): string[] {
  if (payload === undefined || payload.length === 0) return [];
  if (payload.every((octet) => octet === 0)) return [`len ${payload.length}`];
  const isText = payload.every((octet) => (octet >= 32 && octet < 127) || octet === 10 || octet === 13 || octet === 9);
  return isText ? [`text ${quotedText(Buffer.from(payload).toString('latin1'))}`] : [`hex ${hex(payload)}`];
}

function ipWords(fields: PacketFields, body: DatagramBody): string[] {
  const isV4 = !body.source.address.includes(':');
  const words: string[] = [];
  if (fields.ttl !== undefined && fields.ttl !== DEFAULT_TTL) words.push(`ttl ${fields.ttl}`);
  if ((fields.dscp ?? 0) !== 0) words.push(`dscp ${symbolName(DSCP, fields.dscp ?? 0) ?? fields.dscp}`);
  if ((fields.ecn ?? 0) !== 0) words.push(`ecn ${symbolName(ECN, fields.ecn ?? 0) ?? fields.ecn}`);
  if (isV4 && fields.ipId !== undefined && fields.ipId !== DEFAULT_IP_ID) words.push(`ipid ${fields.ipId}`);
  if (fields.dontFragment === true) words.push('df');
  if (fields.moreFragments !== undefined) words.push(`frag ${fields.fragmentOffset ?? 0}`);
  if (fields.moreFragments === true) words.push('mf');
  if (fields.ipOptions !== undefined) words.push(`ipoptions ${hex(fields.ipOptions)}`);
  if ((fields.flowLabel ?? 0) !== 0) words.push(`flowlabel ${fields.flowLabel}`);
  if (isV4 && fields.ipChecksum !== undefined) {
    const { ipChecksum: _, ...open } = fields;
    const right = dissectDatagram(buildDatagram(body, open))?.fields.ipChecksum;
    if (right !== fields.ipChecksum) words.push(`ipcsum ${fields.ipChecksum}`);
  }
  return words;
}

function checksumWords(body: DatagramBody, fields: PacketFields): string[] {
  if (fields.checksum === undefined) return [];
  const { checksum: _, ...open } = fields;
  const right = dissectDatagram(buildDatagram(body, open))?.fields.checksum;
  return right === fields.checksum ? [] : [`csum ${fields.checksum}`];
}

function linkWords(body: PacketBody, fields: PacketFields, { link, interface: device }: PrintContext): string[] {
  const usual = link.addresses(device, body);
  const words: string[] = [];
  if (fields.from !== undefined && fields.from !== usual.from) words.push(`from ${fields.from}`);
  if (fields.to !== undefined && fields.to !== usual.to) words.push(`to ${fields.to}`);
  for (const { id, protocol, priority } of fields.vlans ?? []) {
    words.push(`${protocol === 0x88a8 ? 'qinq' : 'vlan'} ${id}${priority === 0 ? '' : `.${priority}`}`);
  }
  if (fields.pppoe !== undefined) words.push(`pppoe ${fields.pppoe}`);
  if (fields.padding !== undefined) words.push(`padding ${fields.padding}`);
  if (fields.cut !== undefined) words.push(`cut ${fields.cut}`);
  return words;
}

function hex(octets: Uint8Array): string {
  return Buffer.from(octets).toString('hex');
}
