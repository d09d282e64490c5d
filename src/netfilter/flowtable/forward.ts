// A packet of a flow is forwarded: encapsulation off, NAT, TTL, counters, out (nf_flow_offload_forward,
// nf_flow_offload_ip_hook, nf_flow_encap_pop, nf_flow_queue_xmit of net/netfilter/nf_flow_table_ip.c).
//
// Sets: NAT, TTL, network fields, ct, ctDirection, ctInfo, pathClass, verdict. Events: flow-hit, flow-nat, flow-counter,
// flow-xmit; in hardware `hardware` alone.
import { f64, i32, putBe16, u8, u32 } from '../../base/columns.ts';
import type { Recorder } from '../../event/recorder.ts';
import { refusalIndex } from '../../event/refusals.ts';
import { eventKind } from '../../event/vocabulary.ts';
import type { Interface } from '../../net/interfaces.ts';
import { ETHERTYPE_IPV4, ETHERTYPE_IPV6 } from '../../packet/decode.ts';
import type { Packet } from '../../packet/packet.ts';
import { CT_ESTABLISHED, PATH_HARDWARE, PATH_SOFTWARE, VERDICT_FORWARD } from '../../packet/packet.ts';
import type { ConntrackTable } from '../conntrack/table.ts';
import type { RouterServices } from '../services.ts';
import { account } from './ageing.ts';
import type { FlowRows } from './flow-rows.ts';
import { FLOW_DNAT, FLOW_SNAT, XMIT_NEIGH } from './flow-rows.ts';
import { decrementTtl, mangleNat } from './mangle.ts';
import type { FrameTuple } from './tuple.ts';
import { ipLength } from './tuple.ts';

const FLOW_HIT = eventKind('flow-hit');
const FLOW_NAT = eventKind('flow-nat');
const FLOW_COUNTER = eventKind('flow-counter');
const FLOW_XMIT = eventKind('flow-xmit');
const HARDWARE = eventKind('hardware');
const OFFLOADED = refusalIndex('offloaded');
const HARDWARE_REFUSED = refusalIndex('hardware-refused');
const TABLE_FULL = refusalIndex('table-full');
const ETHERNET_HEADER = 14;
const NO_ADDRESS = new Uint8Array(0);

/** Forwards packets of the flows in `rows`. */
export class Forwarder {
  readonly #rows: FlowRows;
  readonly #table: ConntrackTable;
  readonly #recorder: Recorder;
  readonly #services: RouterServices;
  readonly #isCounting: boolean;

  /** `isCounting`: the flowtable has `counter`, and conntrack accounts. */
  constructor(
    rows: FlowRows,
    table: ConntrackTable,
    recorder: Recorder,
    services: RouterServices,
    isCounting: boolean,
  ) {
    this.#rows = rows;
    this.#table = table;
    this.#recorder = recorder;
    this.#services = services;
    this.#isCounting = isCounting;
  }

  /** nf_flow_offload_forward from encapsulation to counters, and the transmission. */
  inSoftware(packet: Packet, frame: FrameTuple, tuple: number): void {
    const { family } = frame;
    const recorder = this.#recorder;
    const flags = u32(this.#rows.flags, tuple >> 1);
    const entry = i32(this.#rows.entry, tuple >> 1);
    recorder.event(FLOW_HIT, family);
    if ((flags & (FLOW_SNAT | FLOW_DNAT)) !== 0) recorder.event(FLOW_NAT, frame.protocol | (family << 8));
    this.#rewrite(packet, frame, tuple, flags);
    if (this.#isCounting) {
      recorder.event(FLOW_COUNTER, 0);
      account(this.#table, entry, tuple & 1, 1, packet.wireLength - (packet.network - packet.start));
    }
    this.#note(packet, entry, tuple & 1);
    this.#table.fastPackets[entry] = f64(this.#table.fastPackets, entry) + 1;
    packet.pathClass = PATH_SOFTWARE;
    recorder.event(FLOW_XMIT, family);
    this.#transmit(packet, tuple);
  }

  /** The engine's way: the CPU sees nothing, its counters are read later. */
  inHardware(packet: Packet, frame: FrameTuple, tuple: number): void {
    const rows = this.#rows;
    const row = tuple >> 1;
    const entry = i32(rows.entry, row);
    const iif = packet.iif;
    this.#rewrite(packet, frame, tuple, u32(rows.flags, row));
    rows.hardwarePackets[tuple] = f64(rows.hardwarePackets, tuple) + 1;
    rows.hardwareBytes[tuple] = f64(rows.hardwareBytes, tuple) + packet.wireLength - (packet.network - packet.start);
    rows.hardwareUsedNs[row] = packet.timeNs;
    this.#note(packet, entry, tuple & 1);
    this.#table.hardwarePackets[entry] = f64(this.#table.hardwarePackets, entry) + 1;
    packet.pathClass = PATH_HARDWARE;
    this.#transmit(packet, tuple);
    // The CPU saw nothing of it: what was recorded on the way here and out did not happen.
    this.#recorder.begin();
    this.#recorder.event(HARDWARE, iif);
  }

  /** Takes the encapsulation off, translates, decrements the TTL; sets the packet's network fields. */
  #rewrite(packet: Packet, frame: FrameTuple, tuple: number, flags: number): void {
    if ((flags & (FLOW_SNAT | FLOW_DNAT)) !== 0) mangleNat(packet, frame, this.#rows.keys, tuple, flags);
    decrementTtl(packet.data, frame.network, frame.family);
    const start = frame.network - ETHERNET_HEADER;
    packet.wireLength -= start - packet.start;
    packet.start = start;
    packet.encapsulationCount = 0;
    packet.network = frame.network;
    packet.transport = frame.transport;
    packet.ipVersion = frame.family;
    packet.etherType = frame.family === 4 ? ETHERTYPE_IPV4 : ETHERTYPE_IPV6;
    packet.protocol = frame.protocol;
    packet.networkLength = ipLength(packet, frame);
    packet.networkEnd = Math.min(packet.network + packet.networkLength, packet.end);
  }

  /** What we keep of every packet, and what the packet shows of its flow. */
  #note(packet: Packet, entry: number, direction: number): void {
    const table = this.#table;
    packet.ct = entry;
    packet.ctInfo = CT_ESTABLISHED;
    packet.ctDirection = direction;
    packet.verdict = VERDICT_FORWARD;
    table.seenPackets[entry] = f64(table.seenPackets, entry) + 1;
    table.seenBytes[entry] = f64(table.seenBytes, entry) + packet.networkLength;
    const refusal = u8(table.offloadRefusal, entry);
    if (refusal !== HARDWARE_REFUSED && refusal !== TABLE_FULL) table.offloadRefusal[entry] = OFFLOADED;
  }

  /** neigh_xmit, or nf_flow_queue_xmit with the addresses that were found when the flow was made. */
  #transmit(packet: Packet, tuple: number): void {
    const rows = this.#rows;
    const oif = rows.oif[tuple] as Interface;
    packet.oif = oif.index;
    if (u8(rows.xmit, tuple) === XMIT_NEIGH) {
      this.#services.flowTransmit(packet, oif, u32(rows.nexthop4, tuple) | 0, rows.nexthop6[tuple]);
      return;
    }
    const { data, start } = packet;
    for (let i = 0; i < 12; i++) data[start + i] = u8(rows.ethernet, tuple * 12 + i);
    putBe16(data, start + 12, packet.etherType);
    this.#services.forwardTo(packet, oif.index, 0, NO_ADDRESS, 0);
  }
}
