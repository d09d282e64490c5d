// A look at the beginning of each capture before the replay: which addresses occur (for a router that must be inferred),
// and whether a cooked capture was taken on the router itself (then its outgoing packets are copies of incoming ones).
import { be16 } from '../base/columns.ts';
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
const PACKET_OUTGOING = 4;

export interface Survey extends AddressSurvey {
  /** By capture: cooked, and its outgoing packets repeat incoming ones. */
  hasOutgoingCopies: boolean[];
}

/** Reads the first packets of all captures. Throws CaptureError when one is unusable. */
export async function surveyCaptures(paths: string[]): Promise<Survey> {
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
      survey.hasOutgoingCopies.push(await surveyOne(reader, survey));
    } finally {
      await reader.close();
    }
  }
  return survey;
}

async function surveyOne(reader: CaptureReader, survey: Survey): Promise<boolean> {
  const arrived = new Set<string>();
  let outgoing = 0;
  let repeated = 0;
  for (let n = 0; n < MAX_PACKETS; ) {
    while (n < MAX_PACKETS && reader.next()) {
      n++;
      survey.packets++;
      const isEthernet = reader.linkType === LINKTYPE_ETHERNET;
      if (!isEthernet) toEthernet(reader);
      const source = look(reader.data, reader.start, reader.end, survey);
      if (isEthernet && source !== undefined) noteSender(reader, source, survey);
      if (source === undefined || reader.packetType < 0) continue;
      if (reader.packetType !== PACKET_OUTGOING) {
        if (arrived.size < MAX_ADDRESSES) arrived.add(source);
      } else {
        outgoing++;
        if (arrived.has(source)) repeated++;
      }
    }
    if (n >= MAX_PACKETS || !(await reader.fill())) break;
  }
  return outgoing > 0 && repeated * 2 > outgoing;
}

/** Counts a frame's addresses; returns the source as hex. */
function look(data: Uint8Array, start: number, end: number, survey: Survey): string | undefined {
  let at = start + 12;
  while (at + 6 <= end && (be16(data, at) === ETHERTYPE_VLAN || be16(data, at) === ETHERTYPE_QINQ)) {
    survey.vlanIds.add(be16(data, at + 2) & 0xfff);
    at += 4;
  }
  if (at + 2 > end) return undefined;
  let type = be16(data, at);
  let network = at + 2;
  if (type === ETHERTYPE_PPPOE && network + 8 <= end) {
    survey.hasPppoe = true;
    type = be16(data, network + 6) === 0x0057 ? ETHERTYPE_IPV6 : ETHERTYPE_IPV4;
    network += 8;
  }
  const offset = type === ETHERTYPE_IPV4 ? 12 : type === ETHERTYPE_IPV6 ? 8 : -1;
  const length = type === ETHERTYPE_IPV4 ? 4 : 16;
  if (offset < 0 || network + offset + 2 * length > end) return undefined;
  const source = hex(data, network + offset, length);
  count(survey.sources, source);
  const destination = hex(data, network + offset + length, length);
  count(survey.destinations, destination);
  if (length === 4) count(survey.pairs, `${source}>${destination}`);
  return source;
}

/** A host's hardware address; frames that a router passed on (many addresses from one) do no harm: the last one counts. */
function noteSender(reader: CaptureReader, source: string, survey: Survey): void {
  const octets = Buffer.from(source, 'hex');
  if (survey.senders.size < MAX_SENDERS || survey.senders.has(formatAddress(octets))) {
    survey.senders.set(formatAddress(octets), formatMac(reader.data, reader.start + 6));
  }
}

function count(counts: Map<string, number>, key: string): void {
  const known = counts.get(key);
  if (known !== undefined) counts.set(key, known + 1);
  else if (counts.size < MAX_ADDRESSES) counts.set(key, 1);
}

function hex(data: Uint8Array, offset: number, length: number): string {
  return Buffer.from(data.buffer, data.byteOffset + offset, length).toString('hex');
}
