// The differential against the real kernel: same frames, same table and same datagrams after every packet.
import { describe, expect, it } from 'vitest';
import type { NatChains } from '../../../src/netfilter/nat/nat.ts';
import {
  NatRange,
  NF_NAT_RANGE_MAP_IPS,
  NF_NAT_RANGE_PERSISTENT,
  NF_NAT_RANGE_PROTO_SPECIFIED,
} from '../../../src/netfilter/nat/range.ts';
import { NF_ACCEPT } from '../../../src/netfilter/verdict.ts';
import type { Packet } from '../../../src/packet/packet.ts';
import type { Entry, GoldenCase } from './kernel-golden.ts';
import { fromHex, readGolden, snapshot, toHex } from './kernel-golden.ts';
import { MiniRouter, POSTROUTING, PREROUTING } from './mini-router.ts';

const WAN = 2;

/** The rulesets of make-golden.py as functions. */
const CHAINS: Record<string, (router: MiniRouter) => NatChains> = {
  masquerade: (router) => (packet, hook) => {
    const range = new NatRange();
    return hook === POSTROUTING && packet.oif === WAN ? router.nat.masquerade(packet, range) : NF_ACCEPT;
  },
  ports: (router) => (packet, hook) => {
    if (hook !== POSTROUTING || packet.oif !== WAN) return NF_ACCEPT;
    const range = new NatRange();
    if (packet.protocol === 6 || packet.protocol === 17) {
      range.flags = NF_NAT_RANGE_PROTO_SPECIFIED;
      range.minPort = 2000;
      range.maxPort = 2003;
    }
    return router.nat.masquerade(packet, range);
  },
  range: sourceRange([0xcb007110], [0xcb00712f], 0),
  persistent: sourceRange([0xcb007110], [0xcb00712f], NF_NAT_RANGE_PERSISTENT),
  range6: sourceRange([0x20010db8, 0x00020000, 0, 0x1000], [0x20010db8, 0x00020000, 0, 0x2fff], 0),
  dnat: (router) => (packet, hook) => {
    if (hook !== PREROUTING || packet.iif !== WAN) return NF_ACCEPT;
    const port = packet.destinationPort;
    const range = new NatRange();
    range.flags = NF_NAT_RANGE_MAP_IPS;
    if (packet.protocol === 6 && port === 8080) {
      range.setAddress4(0xc0a80114);
      range.flags |= NF_NAT_RANGE_PROTO_SPECIFIED;
      range.minPort = 80;
      range.maxPort = 80;
      return router.nat.dnat(packet, range);
    }
    if (packet.protocol !== 17 || port < 8080 || port > 8089) return NF_ACCEPT;
    range.setAddress4(0xc0a80114);
    range.maxAddress[0] = 0xc0a8011d;
    return router.nat.dnat(packet, range);
  },
};

/** What the rulesets do before conntrack. */
const RAW: Record<string, (router: MiniRouter) => (packet: Packet) => void> = {
  zone: (router) => (packet) => {
    if (packet.iif !== WAN || (packet.protocol === 17 && packet.destinationPort === 5000)) {
      router.conntrack.setZone(packet, 5, -1);
    }
  },
  'zone-original': (router) => (packet) => {
    if (packet.iif !== WAN) router.conntrack.setZone(packet, 5, 0);
    else if (packet.protocol === 17 && packet.sourcePort === 53 && packet.destinationPort === 5001)
      router.conntrack.setZone(packet, 7, 0);
  },
};

/** The random number after which the search starts at the port that the kernel took: it must be free here too. */
function randomFor(packet: Packet, datagram: Uint8Array, nat: string): number {
  const view = new DataView(datagram.buffer);
  if (packet.protocol === 1) return view.getUint16(24);
  const port = view.getUint16(20);
  if (nat === 'ports') return port - 2000;
  if (packet.sourcePort < 512) return port - 1;
  return packet.sourcePort < 1024 ? port - 600 : port - 1024;
}

function sourceRange(low: number[], high: number[], flags: number): (router: MiniRouter) => NatChains {
  return (router) => (packet, hook) => {
    if (hook !== POSTROUTING || packet.oif !== WAN) return NF_ACCEPT;
    const range = new NatRange();
    range.flags = NF_NAT_RANGE_MAP_IPS | flags;
    range.minAddress.set(low);
    range.maxAddress.set(high);
    return router.nat.snat(packet, range);
  };
}

/** Timeouts may be a second off: the kernel rounds to jiffies. */
function normalized(entries: Entry[], golden: Entry[]): Entry[] {
  return entries.map((entry, i) => {
    const other = golden[i];
    if (other === undefined) return entry;
    const copy = structuredClone(entry);
    if (copy[3] !== null && other[3] !== null && Math.abs(copy[3] - other[3]) <= 1) copy[3] = other[3];
    return copy;
  });
}

/** Replays a case until something differs; returns what differs, or ''. */
function difference(golden: GoldenCase): string {
  const chains = CHAINS[golden.nat];
  const raw = RAW[golden.nat];
  let kernelOutput: Uint8Array = new Uint8Array(64);
  const router: MiniRouter = new MiniRouter({
    sysctl: { 'net.netfilter.nf_conntrack_acct': 1, ...golden.sysctl },
    ...(chains === undefined ? {} : { chains }),
    ...(raw === undefined ? {} : { raw }),
    random: () => randomFor(router.packet, kernelOutput, golden.nat) & 0xffff,
  });
  for (const [index, row] of golden.packets.entries()) {
    const [timeNs, iif, hex, verdict, outputs, entries] = row;
    if (outputs[0] !== undefined) kernelOutput = fromHex(outputs[0][1]);
    const outcome = router.process(fromHex(hex), iif, timeNs);
    const where = `${golden.id} packet ${index} ${iif} ${hex}`;
    if ((outcome.verdict === 'forwarded') !== (verdict === 'forwarded'))
      return `${where}: kernel ${verdict}, here ${outcome.verdict}`;
    const out = outputs[0];
    if (outcome.verdict === 'forwarded' && out !== undefined) {
      const mine = toHex(outcome.datagram);
      if (out[0] !== outcome.oif || out[1] !== mine)
        return `${where}:\n kernel ${out[0]} ${out[1]}\n here   ${outcome.oif} ${mine}`;
    }
    const mine = normalized(snapshot(router.table, timeNs), entries);
    if (JSON.stringify(mine) !== JSON.stringify(entries))
      return `${where}:\n kernel ${JSON.stringify(entries)}\n here   ${JSON.stringify(mine)}`;
  }
  return '';
}

describe('conntrack and NAT judged by Linux 6.12', () => {
  for (const golden of readGolden(process.env.CONNTRACK_GOLDEN ?? 'kernel-golden.ndjson.gz')) {
    it(`${golden.id}: ${golden.packets.length} packets`, () => {
      expect(difference(golden)).toBe('');
    });
  }
});
