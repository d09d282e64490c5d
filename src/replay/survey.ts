// A look at the beginning of each capture before the replay: which addresses occur (for a router that must be inferred),
// and whether a cooked capture was taken on the router itself (then its outgoing packets are copies of incoming ones).
import { be16, be32, u8 } from '../base/columns.ts';
import { LINKTYPE_ETHERNET, toEthernet } from '../capture/link.ts';
import { openCapture } from '../capture/open.ts';
import type { CaptureReader } from '../capture/record.ts';
import type { AddressSurvey } from '../config/infer.ts';
import { formatAddress, formatMac } from '../packet/address.ts';
import { ETHERTYPE_IPV4, ETHERTYPE_IPV6, ETHERTYPE_PPPOE, ETHERTYPE_QINQ, ETHERTYPE_VLAN } from '../packet/decode.ts';

/** Packets of each capture that are looked at, and addresses that are told apart. */
const MAX_PACKETS = 50_000;
const MAX_ADDRESSES = 65_536;
const MAX_SENDERS = 4096;
const PACKET_HOST = 0;
const PACKET_OUTGOING = 4;

export interface Survey extends AddressSurvey {
  /** By capture: cooked, and its outgoing packets repeat incoming ones. */
  hasOutgoingCopies: boolean[];
}

/** An address while it is counted: IPv4 as a number of 32 bits, IPv6 as 32 hex digits. */
type Key = number | string;

interface Counts {
  sources: Map<Key, number>;
  destinations: Map<Key, number>;
  /** Hardware addresses. */
  senders: Map<Key, Uint8Array>;
  /** By source: IPv4 packets by destination. */
  pairs: Map<Key, Map<Key, number>>;
  pairCount: number;
  /** Addresses of the packet in hand. */
  source: Key;
  destination: Key;
}

/** Reads the first packets of all captures. Throws CaptureError when one is unusable. */
export async function surveyCaptures(paths: string[]): Promise<Survey> {
  const counts: Counts = {
    sources: new Map(),
    destinations: new Map(),
    senders: new Map(),
    pairs: new Map(),
    pairCount: 0,
    source: 0,
    destination: 0,
  };
  const survey: Survey = {
    sources: new Map(),
    destinations: new Map(),
    hasPppoe: false,
    vlanIds: new Set(),
    packets: 0,
    senders: new Map(),
    pairs: new Map(),
    hasOutgoingCopies: [],
  };
  for (const path of paths) {
    const reader = await openCapture(path);
    try {
      survey.hasOutgoingCopies.push(await surveyOne(reader, survey, counts));
    } finally {
      await reader.close();
    }
  }
  for (const [key, packets] of counts.sources) survey.sources.set(hexText(key), packets);
  for (const [key, packets] of counts.destinations) survey.destinations.set(hexText(key), packets);
  for (const [key, mac] of counts.senders) {
    survey.senders.set(formatAddress(Buffer.from(hexText(key), 'hex')), formatMac(mac));
  }
  for (const [source, row] of counts.pairs) {
    for (const [key, packets] of row) survey.pairs.set(`${hexText(source)}>${hexText(key)}`, packets);
  }
  return survey;
}

async function surveyOne(reader: CaptureReader, survey: Survey, counts: Counts): Promise<boolean> {
  const arrivedFrom = new Set<Key>();
  const arrivedFor = new Set<Key>();
  let outgoing = 0;
  let repeated = 0;
  for (let n = 0; n < MAX_PACKETS; ) {
    while (n < MAX_PACKETS && reader.next()) {
      n++;
      survey.packets++;
      const { linkType } = reader;
      toEthernet(reader);
      // The reader's own, which it sets only once.
      reader.linkType = linkType;
      if (!look(reader.data, reader.start, reader.end, survey, counts)) continue;
      const { source, destination } = counts;
      if (linkType === LINKTYPE_ETHERNET) noteSender(reader, source, counts);
      if (reader.packetType < 0) continue;
      if (reader.packetType !== PACKET_OUTGOING) {
        if (arrivedFrom.size < MAX_ADDRESSES) arrivedFrom.add(source);
        if (arrivedFor.size < MAX_ADDRESSES && reader.packetType === PACKET_HOST) arrivedFor.add(destination);
      } else {
        // A router's copy has the source that arrived, or at least the destination when the source is translated.
        outgoing++;
        if (arrivedFrom.has(source) || arrivedFor.has(destination)) repeated++;
      }
    }
    if (n >= MAX_PACKETS || !(await reader.fill())) break;
  }
  return outgoing > 0 && repeated * 2 > outgoing;
}

/** Counts a frame's addresses, which stand in `counts` then; false when it has none. */
function look(data: Uint8Array, start: number, end: number, survey: Survey, counts: Counts): boolean {
  let at = start + 12;
  while (at + 6 <= end && (be16(data, at) === ETHERTYPE_VLAN || be16(data, at) === ETHERTYPE_QINQ)) {
    survey.vlanIds.add(be16(data, at + 2) & 0xfff);
    at += 4;
  }
  if (at + 2 > end) return false;
  let type = be16(data, at);
  let network = at + 2;
  if (type === ETHERTYPE_PPPOE && network + 8 <= end) {
    survey.hasPppoe = true;
    type = be16(data, network + 6) === 0x0057 ? ETHERTYPE_IPV6 : ETHERTYPE_IPV4;
    network += 8;
  }
  const offset = type === ETHERTYPE_IPV4 ? 12 : type === ETHERTYPE_IPV6 ? 8 : -1;
  const length = type === ETHERTYPE_IPV4 ? 4 : 16;
  if (offset < 0 || network + offset + 2 * length > end) return false;
  const source = keyAt(data, network + offset, length);
  const destination = keyAt(data, network + offset + length, length);
  count(counts.sources, source);
  count(counts.destinations, destination);
  if (length === 4) countPair(counts, source, destination);
  counts.source = source;
  counts.destination = destination;
  return true;
}

/** A host's hardware address; frames that a router passed on (many addresses from one) do no harm: the last one counts. */
function noteSender(reader: CaptureReader, source: Key, { senders }: Counts): void {
  let mac = senders.get(source);
  if (mac === undefined) {
    if (senders.size >= MAX_SENDERS) return;
    mac = new Uint8Array(6);
    senders.set(source, mac);
  }
  for (let i = 0; i < 6; i++) mac[i] = u8(reader.data, reader.start + 6 + i);
}

function count(counts: Map<Key, number>, key: Key): void {
  const known = counts.get(key);
  if (known !== undefined) counts.set(key, known + 1);
  else if (counts.size < MAX_ADDRESSES) counts.set(key, 1);
}

function countPair(counts: Counts, source: Key, destination: Key): void {
  const row = counts.pairs.get(source);
  const known = row?.get(destination);
  if (row !== undefined && known !== undefined) {
    row.set(destination, known + 1);
  } else if (counts.pairCount < MAX_ADDRESSES) {
    counts.pairCount++;
    if (row === undefined) counts.pairs.set(source, new Map([[destination, 1]]));
    else row.set(destination, 1);
  }
}

function keyAt(data: Uint8Array, offset: number, length: number): Key {
  if (length === 4) return be32(data, offset) | 0;
  return Buffer.from(data.buffer, data.byteOffset + offset, length).toString('hex');
}

function hexText(key: Key): string {
  return typeof key === 'string' ? key : (key >>> 0).toString(16).padStart(8, '0');
}
