// Neighbours that do not answer, as the router file names them: their packets are held while the router asks, once a
// second, and when nobody answered each is told to its sender (net/core/neighbour.c neigh_event_send, neigh_timer_handler,
// neigh_invalidate; arp_error_report, ndisc_error_report). An ARP or ND frame of theirs resolves them: what is held leaves.
// Rare: this allocates. SIMPLIFIED: neighbours: everybody else answers at once, and whoever has answered stays known.
import { be32 } from '../base/columns.ts';
import { eventKind } from '../event/vocabulary.ts';
import type { Interface } from '../net/interfaces.ts';
import { type NeighbourLimits, readNeighbourLimits } from '../net/neighbour-limits.ts';
import type { Sysctl } from '../net/sysctl.ts';
import { truesize } from '../netfilter/defrag/fragment.ts';
import { CT_UNTRACKED, HEADROOM, Packet, VERDICT_CONSUMED } from '../packet/packet.ts';
import { arpRequest } from './arp.ts';
import { ICMP_DEST_UNREACH, ICMP_HOST_UNREACH, ICMPV6_ADDR_UNREACH, ICMPV6_DEST_UNREACH, icmpError } from './icmp.ts';
import { neighbourSolicitation } from './ndisc.ts';
import { drop, reason } from './outcome.ts';
import type { Stack } from './stack.ts';
import { neighbourTransmit } from './transmit.ts';

const NEIGHBOUR = eventKind('neighbour');
const NO_NEIGHBOUR = reason('neighbour');
/** Room before a held datagram for the headers of its way out. */
const ROOM = HEADROOM + 32;

/** A datagram that waits. */
interface Held {
  packet: Packet;
  truesize: number;
  /** Tells whether its connection is still the same one. */
  flow: number;
}

/** struct neighbour in NUD_INCOMPLETE or NUD_FAILED. */
interface Asked {
  dev: Interface;
  address: Uint8Array;
  isIncomplete: boolean;
  probes: number;
  dueNs: number;
  queue: Held[];
  octets: number;
}

/** The neighbours that are being asked for. */
export class Resolution {
  readonly #stack: Stack;
  readonly #limits4: NeighbourLimits[];
  readonly #limits6: NeighbourLimits[];
  readonly #asked = new Map<string, Asked>();
  /** When the next timer runs out. */
  dueNs = Infinity;

  constructor(stack: Stack, sysctl: Sysctl) {
    this.#stack = stack;
    this.#limits4 = readNeighbourLimits(sysctl, stack.interfaces, 'ipv4');
    this.#limits6 = readNeighbourLimits(sysctl, stack.interfaces, 'ipv6');
  }

  /**
   * neigh_resolve_output for a neighbour whose address is not known: `address` of 4 or 16 octets on `dev`.
   * Sets: verdict consumed, reason neighbour. Events: neighbour, and those of the request.
   */
  hold(packet: Packet, dev: Interface, address: Uint8Array): void {
    const stack = this.#stack;
    stack.recorder.event(NEIGHBOUR, dev.index);
    const limits = this.#limitsOf(address, dev);
    if (limits.multicastProbes + limits.applicationProbes === 0) {
      drop(stack.recorder, packet, NO_NEIGHBOUR);
      return;
    }
    const entry = this.#entry(dev, address);
    const held = heldCopy(packet);
    const isFirst = !entry.isIncomplete;
    if (isFirst) {
      entry.isIncomplete = true;
      entry.probes = limits.unicastProbes;
      this.#arm(entry, packet.timeNs + limits.intervalNs);
    }
    while (entry.octets + held.truesize > limits.queueOctets) {
      const oldest = entry.queue.shift();
      if (oldest === undefined) break;
      entry.octets -= oldest.truesize;
    }
    held.flow = this.#flowOf(packet);
    entry.queue.push(held);
    entry.octets += held.truesize;
    packet.verdict = VERDICT_CONSUMED;
    packet.reason = NO_NEIGHBOUR;
    if (isFirst) this.#probe(entry, limits);
  }

  /** neigh_timer_handler of everybody whose timer has run out: asks again, or gives up. */
  run(nowNs: number): void {
    while (this.dueNs <= nowNs) {
      for (const entry of this.#asked.values()) {
        if (entry.dueNs !== this.dueNs) continue;
        this.#timer(entry);
        break;
      }
    }
  }

  #timer(entry: Asked): void {
    const limits = this.#limitsOf(entry.address, entry.dev);
    const nowNs = entry.dueNs;
    for (const { packet } of entry.queue) packet.timeNs = nowNs;
    if (entry.probes >= limits.unicastProbes + limits.applicationProbes + limits.multicastProbes) {
      entry.isIncomplete = false;
      this.#arm(entry, Infinity);
      this.#giveUp(entry);
      return;
    }
    this.#arm(entry, nowNs + limits.intervalNs);
    this.#probe(entry, limits);
  }

  /** neigh_invalidate. A packet that an error made may ask for the same neighbour: that is another round. */
  #giveUp(entry: Asked): void {
    const { queue } = entry;
    entry.queue = [];
    entry.octets = 0;
    for (const { packet, flow } of queue) {
      if (entry.isIncomplete) continue;
      this.#keepConnection(packet, flow);
      if (packet.ipVersion === 4) icmpError(this.#stack, packet, ICMP_DEST_UNREACH, ICMP_HOST_UNREACH, 0, false);
      else icmpError(this.#stack, packet, ICMPV6_DEST_UNREACH, ICMPV6_ADDR_UNREACH, 0, false);
    }
  }

  /** neigh_probe: asks on behalf of the packet that came last. */
  #probe(entry: Asked, limits: NeighbourLimits): void {
    const about = entry.queue.at(-1)?.packet;
    const round = entry.probes++ - limits.unicastProbes;
    // app_solicit: a daemon would be told, nothing leaves.
    if (about === undefined || round < limits.applicationProbes) return;
    if (entry.address.length === 4) arpRequest(this.#stack, about, entry.dev, be32(entry.address, 0));
    else neighbourSolicitation(this.#stack, about, entry.dev, entry.address);
  }

  /** neigh_update: `creates`: also when nobody asked for it yet. */
  answered(nowNs: number, dev: Interface, address: Uint8Array, mac: Uint8Array, creates: boolean): void {
    const { neighbours } = this.#stack;
    if (!neighbours.isSilent(dev, address)) return;
    const entry = this.#asked.get(keyOf(dev, address));
    if (entry === undefined && !creates) return;
    neighbours.learn(dev, address, mac);
    if (entry === undefined) return;
    this.#asked.delete(keyOf(dev, address));
    this.#arm(entry, Infinity);
    for (const { packet, flow } of entry.queue) {
      packet.timeNs = nowNs;
      this.#keepConnection(packet, flow);
      neighbourTransmit(this.#stack, packet, dev, mac);
    }
  }

  /** Whether an advertisement would be heeded: a failed neighbour's is not. */
  isAwaited(dev: Interface, address: Uint8Array): boolean {
    return this.#asked.get(keyOf(dev, address))?.isIncomplete === true;
  }

  #keepConnection(packet: Packet, flow: number): void {
    if (packet.ct < 0 || this.#flowOf(packet) === flow) return;
    packet.ct = -1;
    packet.ctInfo = CT_UNTRACKED;
  }

  #flowOf({ ct }: Packet): number {
    return ct < 0 ? 0 : (this.#stack.hooks.conntrack?.flowOf(ct) ?? 0);
  }

  #entry(dev: Interface, address: Uint8Array): Asked {
    const key = keyOf(dev, address);
    const known = this.#asked.get(key);
    if (known !== undefined) return known;
    const made = {
      dev,
      address: address.slice(),
      isIncomplete: false,
      probes: 0,
      dueNs: Infinity,
      queue: [],
      octets: 0,
    };
    this.#asked.set(key, made);
    return made;
  }

  #arm(entry: Asked, dueNs: number): void {
    entry.dueNs = dueNs;
    this.dueNs = Infinity;
    for (const one of this.#asked.values()) if (one.dueNs < this.dueNs) this.dueNs = one.dueNs;
  }

  #limitsOf(address: Uint8Array, dev: Interface): NeighbourLimits {
    return (address.length === 4 ? this.#limits4 : this.#limits6)[dev.index] as NeighbourLimits;
  }
}

function keyOf(dev: Interface, address: Uint8Array): string {
  return `${dev.index} ${address.join('.')}`;
}

/** The datagram in octets of its own. */
function heldCopy(packet: Packet): Held {
  const { data, network, end } = packet;
  const copy = new Packet();
  const shift = ROOM - network;
  const own = new Uint8Array(ROOM + end - network);
  own.set(data.subarray(network, end), ROOM);
  copy.attach(own, ROOM, end + shift, packet.wireLength - (network - packet.start));
  copy.network = ROOM;
  copy.transport = packet.transport < 0 ? -1 : packet.transport + shift;
  copy.networkEnd = packet.networkEnd + shift;
  copy.fragmentHeader = packet.fragmentHeader < 0 ? -1 : packet.fragmentHeader + shift;
  copy.number = packet.number;
  copy.timeNs = packet.timeNs;
  copy.etherType = packet.etherType;
  copy.ipVersion = packet.ipVersion;
  copy.protocol = packet.protocol;
  copy.networkLength = packet.networkLength;
  copy.fragmentOffset = packet.fragmentOffset;
  copy.moreFragments = packet.moreFragments;
  copy.fragMaxSize = packet.fragMaxSize;
  copy.hasOptions = packet.hasOptions;
  copy.iif = packet.iif;
  copy.oif = packet.oif;
  copy.physicalIif = packet.physicalIif;
  copy.packetType = packet.packetType;
  copy.mark = packet.mark;
  copy.priority = packet.priority;
  copy.nftrace = packet.nftrace;
  copy.isSuperPacket = packet.isSuperPacket;
  copy.checksumPartial = packet.checksumPartial;
  copy.isChecksumVerified = packet.isChecksumVerified;
  copy.isGenerated = packet.isGenerated;
  copy.ct = packet.ct;
  copy.ctInfo = packet.ctInfo;
  copy.ctDirection = packet.ctDirection;
  return { packet: copy, truesize: truesize(copy.wireLength + 14), flow: 0 };
}
