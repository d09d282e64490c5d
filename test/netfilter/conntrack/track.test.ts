import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { reasonIndex } from '../../../src/event/reasons.ts';
import { IPS_ASSURED, IPS_CONFIRMED, IPS_HELPER } from '../../../src/netfilter/conntrack/status.ts';
import type { NatChains } from '../../../src/netfilter/nat/nat.ts';
import { NatRange } from '../../../src/netfilter/nat/range.ts';
import { NF_ACCEPT, NF_DROP } from '../../../src/netfilter/verdict.ts';
import { icmp, icmpv6, ip, tcp, udp } from '../../../src/packet/build.ts';
import { foldSum, pseudoHeaderSum } from '../../../src/packet/checksum.ts';
import { CT_ESTABLISHED, CT_INVALID, CT_NEW, CT_RELATED, CT_UNTRACKED } from '../../../src/packet/packet.ts';
import { MiniRouter, OUTPUT, POSTROUTING, PREROUTING } from './mini-router.ts';

const SECOND = 1e9;
const LAN = '192.168.1.10';
const SERVER = '198.51.100.7';

const query = (sport = 5000, payload = new Uint8Array(20)) =>
  ip({ src: LAN, dst: SERVER }, udp({ sport, dport: 53 }, payload));
const answer = (dport = 5000) => ip({ src: SERVER, dst: LAN }, udp({ sport: 53, dport }, new Uint8Array(40)));

const masquerade =
  (router: MiniRouter): NatChains =>
  (packet, hook) =>
    hook === POSTROUTING && packet.oif === 2 ? router.nat.masquerade(packet, new NatRange()) : NF_ACCEPT;

describe('UDP', () => {
  it('lives 30 s, and is a stream of 120 s, assured, when answered and active after 2 s', () => {
    const router = new MiniRouter();
    const left = () => Math.round(((router.table.expiresNs[0] ?? 0) - router.table.nowNs) / SECOND);
    router.process(query(), 'lan0', 0);
    expect(left()).toBe(30);
    router.process(answer(), 'wan0', 1 * SECOND);
    router.process(query(), 'lan0', 2 * SECOND);
    expect([left(), (router.table.status[0] ?? 0) & IPS_ASSURED]).toEqual([30, 0]);
    router.process(query(), 'lan0', 2.1 * SECOND);
    expect([left(), (router.table.status[0] ?? 0) & IPS_ASSURED]).toEqual([120, IPS_ASSURED]);
  });
});

describe('checksums at prerouting', () => {
  it('a bad one makes the packet invalid, unless nf_conntrack_checksum is 0', () => {
    for (const [sysctl, info] of [
      [1, CT_INVALID],
      [0, CT_NEW],
    ]) {
      const router = new MiniRouter({ sysctl: { 'net.netfilter.nf_conntrack_checksum': sysctl ?? 0 } });
      const bad = query();
      bad[30] = (bad[30] ?? 0) ^ 0xff;
      router.process(bad, 'lan0', 0);
      expect(router.packet.ctInfo).toBe(info);
    }
  });

  it('the pseudo-header sum of a sender with transmit offload is valid and marks the packet', () => {
    const router = new MiniRouter();
    const datagram = ip({ src: LAN, dst: SERVER }, tcp({ sport: 1, dport: 2, flags: 'S' }));
    const sum = foldSum(pseudoHeaderSum(datagram, 0, 4, 6, 20));
    datagram[36] = sum >>> 8;
    datagram[37] = sum & 255;
    router.process(datagram, 'lan0', 0);
    expect([router.packet.ctInfo, router.packet.checksumPartial]).toEqual([CT_NEW, true]);
  });

  it('a packet that the capture cut cannot be verified and passes', () => {
    const router = new MiniRouter();
    const datagram = ip({ src: LAN, dst: SERVER }, udp({ sport: 5000, dport: 53 }, new Uint8Array(500).fill(7)));
    router.process(datagram, 'lan0', 0, 64);
    expect(router.packet.ctInfo).toBe(CT_NEW);
    const segment = ip({ src: LAN, dst: SERVER }, tcp({ sport: 5, dport: 6, flags: 'S', options: new Uint8Array(20) }));
    router.process(segment, 'lan0', 0, 44);
    expect(router.packet.ctInfo).toBe(CT_NEW);
  });

  it('UDP without a checksum is valid', () => {
    const router = new MiniRouter();
    const datagram = query();
    datagram[26] = 0;
    datagram[27] = 0;
    router.process(datagram, 'lan0', 0);
    expect(router.packet.ctInfo).toBe(CT_NEW);
  });
});

describe('what has no connection', () => {
  it('neighbour discovery and MLD are untracked', () => {
    const router = new MiniRouter();
    for (const type of [130, 131, 132, 133, 134, 135, 136, 143]) {
      router.process(ip({ src: 'fd00:1::10', dst: 'fd00:1::1' }, icmpv6(type, 0, 0)), 'lan0', 0);
      expect(router.packet.ctInfo).toBe(CT_UNTRACKED);
    }
    expect(router.table.created).toBe(0);
  });

  it('notrack lets a packet pass untracked', () => {
    const router = new MiniRouter({ raw: (self) => (packet) => self.conntrack.untrack(packet) });
    expect(router.process(query(), 'lan0', 0).verdict).toBe('forwarded');
    expect([router.packet.ctInfo, router.table.count]).toEqual([CT_UNTRACKED, 0]);
  });

  it('an echo reply without a request is invalid', () => {
    const router = new MiniRouter();
    router.process(ip({ src: SERVER, dst: LAN }, icmp(0, 0, 0x00070001)), 'wan0', 0);
    expect(router.packet.ctInfo).toBe(CT_INVALID);
  });

  it('an ICMP error is related only when it goes to where the quoted packet came from', () => {
    const router = new MiniRouter();
    router.process(query(), 'lan0', 0);
    router.process(ip({ src: '203.0.113.254', dst: LAN }, icmp(3, 1, 0, query())), 'wan0', 0);
    expect([router.packet.ctInfo, router.packet.ctDirection]).toEqual([CT_RELATED, 1]);
    router.process(ip({ src: '203.0.113.254', dst: '192.168.1.99' }, icmp(3, 1, 0, query())), 'wan0', 0);
    expect(router.packet.ctInfo).toBe(CT_INVALID);
  });
});

describe('entries before they are confirmed', () => {
  it('are freed with their packet when it is dropped', () => {
    const router = new MiniRouter();
    const packet = router.load(query(), 'lan0', 0);
    expect(router.conntrack.in(packet, PREROUTING)).toBe(NF_ACCEPT);
    expect(router.table.count).toBe(1);
    router.conntrack.release(packet);
    expect([router.table.count, packet.ct]).toEqual([0, -1]);
    router.process(query(), 'lan0', 1);
    expect(router.packet.ctInfo).toBe(CT_NEW);
    expect((router.table.status[0] ?? 0) & IPS_CONFIRMED).toBe(IPS_CONFIRMED);
  });

  it('take a helper, confirmed ones do not', () => {
    const router = new MiniRouter();
    const packet = router.load(query(), 'lan0', 0);
    router.conntrack.in(packet, PREROUTING);
    router.conntrack.assignHelper(packet.ct, 3);
    expect([router.table.helper[0], (router.table.status[0] ?? 0) & IPS_HELPER]).toEqual([3, IPS_HELPER]);
    router.conntrack.confirm(packet);
    router.process(query(6000), 'lan0', 0);
    router.conntrack.assignHelper(1, 3);
    expect(router.table.helper[1]).toBe(-1);
  });

  it('that clash with the same flow join it (UDP), or are dropped (TCP)', () => {
    for (const [datagram, verdict] of [
      [query(), NF_ACCEPT],
      [ip({ src: LAN, dst: SERVER }, tcp({ sport: 5, dport: 6, flags: 'S' })), NF_DROP],
    ] as const) {
      const router = new MiniRouter();
      const first = router.load(datagram, 'lan0', 0);
      router.conntrack.in(first, PREROUTING);
      const loser = first.ct;
      first.ct = -1;
      first.ctInfo = CT_INVALID;
      router.conntrack.in(first, PREROUTING);
      expect(router.conntrack.confirm(first)).toBe(NF_ACCEPT);
      const winner = first.ct;
      first.ct = loser;
      expect(router.conntrack.confirm(first)).toBe(verdict);
      if (verdict === NF_ACCEPT) expect([first.ct, router.table.count]).toEqual([winner, 1]);
      else expect(first.reason).toBe(reasonIndex('conntrack-invalid'));
    }
  });
});

describe('a full table', () => {
  it('drops the packet with reason conntrack-full when all entries are assured', () => {
    const router = new MiniRouter({ maximum: 10 });
    for (let i = 0; i < 10; i++) router.process(query(1000 + i), 'lan0', 0);
    for (let i = 0; i < 10; i++) router.table.status[i] = (router.table.status[i] ?? 0) | IPS_ASSURED;
    expect(router.process(query(2000), 'lan0', 0).verdict).toBe('dropped');
    expect(router.packet.reason).toBe(reasonIndex('conntrack-full'));
    expect(router.process(query(2000), 'lan0', 31 * SECOND).verdict).toBe('forwarded');
  });
});

describe('zones', () => {
  it('keep equal addresses apart', () => {
    const router = new MiniRouter({
      raw: (self) => (packet) => {
        if (packet.iif === 1) self.conntrack.setZone(packet, 5, -1);
      },
    });
    router.process(query(), 'lan0', 0);
    router.process(answer(), 'wan0', 0);
    expect([router.packet.ctInfo, router.table.count]).toEqual([CT_NEW, 2]);
  });
});

describe('accounting', () => {
  it('counts octets by direction with nf_conntrack_acct, and our statistics always', () => {
    for (const acct of [0, 1]) {
      const router = new MiniRouter({ sysctl: { 'net.netfilter.nf_conntrack_acct': acct } });
      router.process(query(), 'lan0', 0);
      router.process(answer(), 'wan0', 0);
      const { table } = router;
      expect([table.bytesOriginal[0], table.bytesReply[0]]).toEqual([48 * acct, 68 * acct]);
      expect([table.seenPackets[0], table.seenBytes[0]]).toEqual([2, 116]);
      expect(router.packet.ctInfo).toBe(CT_ESTABLISHED);
    }
  });
});

describe('hostile input', () => {
  const base = [
    query(),
    answer(),
    ip(
      { src: LAN, dst: SERVER },
      tcp({
        sport: 1,
        dport: 2,
        flags: 'S',
        options: Uint8Array.from([2, 4, 5, 180, 3, 3, 7, 5, 18, 0, 0, 0, 0, 0, 0, 0]),
      }),
    ),
    ip({ src: SERVER, dst: LAN }, icmp(3, 1, 0, query())),
    ip(
      { src: 'fd00:1::10', dst: '2001:db8:99::7' },
      icmpv6(1, 0, 0, ip({ src: '2001:db8:99::7', dst: 'fd00:1::10' }, udp({ sport: 1, dport: 2 }))),
    ),
    ip({ src: LAN, dst: SERVER }, { protocol: 132, bytes: new Uint8Array(60).fill(1) }),
    ip({ src: LAN, dst: SERVER }, { protocol: 33, bytes: new Uint8Array(60).fill(4) }),
    ip({ src: LAN, dst: SERVER }, { protocol: 47, bytes: Uint8Array.from([48, 1, 136, 11, 0, 4, 0, 7, 0, 0, 0, 0]) }),
    ip({ src: LAN, dst: SERVER }, { protocol: 136, bytes: new Uint8Array(20).fill(9) }),
  ];

  it('changed, cut and lengthened packets never throw, and never grow a packet', () => {
    const mutation = fc.record({
      which: fc.integer({ min: 0, max: base.length - 1 }),
      flips: fc.array(fc.tuple(fc.nat(), fc.integer({ min: 0, max: 255 })), { maxLength: 6 }),
      keep: fc.integer({ min: 20, max: 100 }),
      fromWan: fc.boolean(),
    });
    fc.assert(
      fc.property(fc.array(mutation, { maxLength: 60 }), (mutations) => {
        const router = new MiniRouter({
          sysctl: { 'net.netfilter.nf_conntrack_checksum': 0 },
          chains: masquerade,
        });
        let now = 0;
        for (const { which, flips, keep, fromWan } of mutations) {
          const datagram = (base[which] as Uint8Array).slice();
          for (const [at, value] of flips) datagram[at % datagram.length] = value;
          const outcome = router.process(datagram, fromWan ? 'wan0' : 'lan0', (now += 1e8), keep);
          expect(router.packet.data.length).toBeLessThanOrEqual(14 + Math.min(keep, datagram.length));
          expect(['forwarded', 'dropped', 'local']).toContain(outcome.verdict);
        }
        expect(router.table.count).toBeLessThanOrEqual(mutations.length);
      }),
      { numRuns: 300 },
    );
  });

  it('a generated packet can be attached to its cause', () => {
    const router = new MiniRouter();
    router.process(query(), 'lan0', 0);
    const cause = router.load(query(), 'lan0', 0);
    router.conntrack.in(cause, PREROUTING);
    const generated = new MiniRouter().load(answer(), 'lan0', 0);
    router.conntrack.attach(generated, cause);
    expect([generated.ct, generated.ctInfo, generated.ctDirection]).toEqual([0, CT_RELATED, 1]);
    expect(router.conntrack.in(generated, OUTPUT)).toBe(NF_ACCEPT);
    expect(router.conntrack.confirm(generated)).toBe(NF_ACCEPT);
  });
});
