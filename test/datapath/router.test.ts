// What the comparison with the kernel cannot show: ARP replies, PPPoE, super-packets, cut frames, hostile input.
import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { be16, be32, putBe16 } from '../../src/base/columns.ts';
import type { Ruleset } from '../../src/bytecode/ruleset.ts';
import { parseRouter } from '../../src/config/router-file.ts';
import { Router } from '../../src/datapath/router.ts';
import { REASONS } from '../../src/event/reasons.ts';
import { Recorder } from '../../src/event/recorder.ts';
import { argumentOf, EVENTS, kindOf } from '../../src/event/vocabulary.ts';
import { arp, ether, icmp, ip, tcp, udp } from '../../src/packet/build.ts';
import { internetChecksum, pseudoHeaderSum } from '../../src/packet/checksum.ts';
import { HEADROOM, Packet, VERDICTS } from '../../src/packet/packet.ts';
import { compileText } from './compile.ts';
import { hex } from './scene.ts';
import { SCENES, TOPOLOGY } from './scenes.ts';

const NO_RULES: Ruleset = { tables: [], interfaceNames: [] };
const LAN = '192.168.1.10';
const SERVER = '198.51.100.7';

interface Sent {
  iface: string;
  data: Uint8Array;
  wireLength: number;
}

/** A router and what it does with one frame after the other. */
class Bench {
  readonly sent: Sent[] = [];
  readonly recorder = new Recorder();
  readonly router: Router;
  readonly packet = new Packet();
  #number = 0;

  constructor(topology: object = TOPOLOGY, ruleset = NO_RULES) {
    this.router = new Router({
      spec: parseRouter(JSON.stringify(topology), 'topology'),
      ruleset,
      recorder: this.recorder,
      sink: {
        frame: (ifindex, data, start, end, wireLength) => {
          this.sent.push({ iface: this.router.interfaces.at(ifindex).name, data: data.slice(start, end), wireLength });
        },
      },
      seed: 1,
      epochNs: 0n,
      offload: 'as-ruled',
    });
  }

  /** 'verdict reason', the frames being in `sent`. */
  send(iface: string, frame: Uint8Array, wireLength = frame.length): string {
    this.sent.length = 0;
    const data = new Uint8Array(HEADROOM + frame.length);
    data.set(frame, HEADROOM);
    const { packet } = this;
    packet.attach(data, HEADROOM, data.length, wireLength);
    packet.number = ++this.#number;
    packet.timeNs = this.#number * 1e6;
    this.recorder.begin();
    this.router.process(packet, this.router.interfaces.byName(iface)?.index ?? 0);
    return `${VERDICTS[packet.verdict]} ${REASONS[packet.reason]?.name}`.trim();
  }

  /** Names of the packet's events; with arguments on demand. */
  events(): string[] {
    return Array.from(this.recorder.current(), (word) => `${EVENTS[kindOf(word)]?.name} ${argumentOf(word)}`);
  }
}

const payload = (length: number): Uint8Array => Uint8Array.from({ length }, (_, i) => (i * 13 + 1) & 255);

test('a forwarded packet records the stages it passed, in order', () => {
  const bench = new Bench();
  expect(bench.send('lan0', ether({}, ip({ src: LAN, dst: SERVER }, udp({ sport: 1, dport: 2 }, payload(8)))))).toBe(
    'forward',
  );
  expect(bench.events()).toEqual(['rx 1', 'ip-receive 4', 'route 4', 'forward 4', 'output 4', 'tx 2']);
  expect(Array.from(bench.router.outs.slice(0, bench.router.outCount))).toEqual([2]);
});

describe('ARP', () => {
  const ask = (wanted: string): Uint8Array =>
    ether(
      { dst: 'ff:ff:ff:ff:ff:ff' },
      arp(1, { mac: '02:ee:00:00:00:01', ip: LAN }, { mac: '00:00:00:00:00:00', ip: wanted }),
      0x0806,
    );
  test('a request for an own address is answered from the interface it came in at', () => {
    const bench = new Bench();
    expect(bench.send('lan0', ask('203.0.113.1'))).toBe('local');
    expect(bench.sent.map((one) => `${one.iface} ${hex(one.data)}`)).toEqual([
      `lan0 ${'02ee00000001'}${'020000000001'}0806${'0001080006040002'}${'020000000001cb007101'}${'02ee00000001c0a8010a'}`,
    ]);
  });
  test.each([
    ['for somebody else', ask('192.168.1.77'), 'local'],
    ['for a loopback address', ask('127.0.0.1'), 'local'],
    ['cut by the sender', ask('192.168.1.1').slice(0, 30), 'drop malformed'],
  ])('a request %s gets no answer', (_what, frame, outcome) => {
    const bench = new Bench();
    expect(bench.send('lan0', frame)).toBe(outcome);
    expect(bench.sent).toEqual([]);
  });
});

describe('PPPoE', () => {
  const topology = {
    ...TOPOLOGY,
    interfaces: [
      TOPOLOGY.interfaces[0],
      { name: 'eth1', mac: '02:00:00:00:00:05', mtu: 1500 },
      { name: 'ppp0', type: 'pppoe', link: 'eth1', addresses: ['203.0.113.1/32'], mtu: 1492 },
    ],
    routes: [{ dst: '0.0.0.0/0', dev: 'ppp0' }],
    neighbours: [],
  };
  const down = (session: number): Uint8Array =>
    ether(
      { src: '02:aa:00:00:00:07', pppoe: session },
      ip({ src: SERVER, dst: LAN }, udp({ sport: 2, dport: 1 }, payload(5))),
    );
  const up = ether({}, ip({ src: LAN, dst: SERVER, dontFragment: true }, udp({ sport: 1, dport: 2 }, payload(1464))));

  test('the session and its peer are learned from the first frame, and used on the way out', () => {
    const bench = new Bench(topology);
    expect(bench.send('eth1', down(77))).toBe('forward');
    expect(bench.sent.map((one) => [one.iface, be16(one.data, 12), be16(one.data, 16), one.data.length])).toEqual([
      ['lan0', 0x0800, 33, 14 + 33],
    ]);
    expect(bench.events()).toContain(`pppoe-decap ${bench.router.interfaces.byName('ppp0')?.index}`);
    expect(bench.send('lan0', up)).toBe('forward');
    const [out] = bench.sent;
    expect(out?.iface).toBe('eth1');
    expect(hex(out?.data.slice(0, 24) ?? new Uint8Array())).toBe(
      `02aa00000007${'020000000005'}8864${'1100004d05d60021'}4500`,
    );
    expect(out?.wireLength).toBe(14 + 8 + 1492);
    expect(bench.send('eth1', down(78))).toBe('drop unknown-protocol');
  });

  test("the PPP device's MTU holds", () => {
    const bench = new Bench(topology);
    const big = ether(
      {},
      ip({ src: LAN, dst: SERVER, dontFragment: true }, udp({ sport: 1, dport: 2 }, payload(1465))),
    );
    expect(bench.send('lan0', big)).toBe('drop mtu');
    expect(bench.sent.map((one) => [one.iface, one.data[34], one.data[35], be16(one.data, 40)])).toEqual([
      ['lan0', 3, 4, 1492],
    ]);
  });

  test.each([
    ['discovery', ether({}, payload(40), 0x8863), 'drop unknown-protocol'],
    ['LCP', patchPpp(down(77), 0xc0, 0x21), 'drop unknown-protocol'],
    ['a length beyond the frame', patchLength(down(77), 900), 'drop malformed'],
    ['no room for its header', down(77).slice(0, 18), 'drop malformed'],
  ])('%s ends at the router', (_what, frame, outcome) => {
    expect(new Bench(topology).send('eth1', frame)).toBe(outcome);
  });
});

function patchPpp(frame: Uint8Array, high: number, low: number): Uint8Array {
  const copy = frame.slice();
  copy[20] = high;
  copy[21] = low;
  return copy;
}

function patchLength(frame: Uint8Array, length: number): Uint8Array {
  const copy = frame.slice();
  copy[18] = length >>> 8;
  copy[19] = length & 255;
  return copy;
}

describe('super-packets', () => {
  test('TCP is cut to frames that fit, and together they carry what the super-packet did', () => {
    fc.assert(
      fc.property(
        fc.integer({ min: 1461, max: 9000 }),
        fc.boolean(),
        fc.constantFrom('A', 'PA', 'FA', 'PAC'),
        fc.constantFrom(0, 12),
        (length, six, flags, optionLength) => {
          const bench = new Bench();
          const [src, dst] = six ? ['fd00:1::10', '2001:db8:99::7'] : [LAN, SERVER];
          const options = new Uint8Array(optionLength).fill(1);
          const segment = tcp({ sport: 1, dport: 2, seq: 0xfffffff0, ack: 9, flags, options }, payload(length));
          const outcome = bench.send('lan0', ether({}, ip({ src, dst, id: 65535, dontFragment: true }, segment)));
          expect(outcome).toBe('forward');
          const header = six ? 40 : 20;
          const carried: number[] = [];
          bench.sent.forEach(({ data, wireLength }, i) => {
            expect(wireLength).toBe(data.length);
            expect(data.length).toBeLessThanOrEqual(1514);
            const at = 14 + header;
            const last = i === bench.sent.length - 1;
            if (!six) expect(internetChecksum(data, 14, 34)).toBe(0);
            if (!six) expect(be16(data, 18)).toBe((65535 + i) & 0xffff);
            const sum = pseudoHeaderSum(data, 14, six ? 6 : 4, 6, data.length - at);
            expect(internetChecksum(data, at, data.length, sum)).toBe(0);
            expect(be32(data, at + 4)).toBe((0xfffffff0 + carried.length) >>> 0);
            expect((data[at + 13] ?? 0) & 9).toBe(
              last ? (flags.includes('F') ? 1 : 0) | (flags.includes('P') ? 8 : 0) : 0,
            );
            expect((data[at + 13] ?? 0) & 0x80).toBe(i === 0 && flags.includes('C') ? 0x80 : 0);
            carried.push(...data.slice(at + 20 + optionLength));
          });
          expect(carried).toEqual([...payload(length)]);
        },
      ),
      { numRuns: 60 },
    );
  });

  test('a cut super-packet gives frames of the right wire length, as far as octets were kept', () => {
    const bench = new Bench();
    const whole = ether({}, ip({ src: LAN, dst: SERVER }, tcp({ sport: 1, dport: 2 }, payload(4000))));
    expect(bench.send('lan0', whole.slice(0, 2000), whole.length)).toBe('forward cut-payload');
    expect(bench.sent.map((one) => [one.data.length, one.wireLength])).toEqual([
      [1514, 1514],
      [540, 1514],
      [54, 1134],
    ]);
  });

  test('UDP above the MTU stays whole', () => {
    const bench = new Bench();
    const frame = ether(
      {},
      ip({ src: LAN, dst: SERVER, dontFragment: true }, udp({ sport: 1, dport: 2 }, payload(3000))),
    );
    expect(bench.send('lan0', frame)).toBe('forward');
    expect(bench.sent.map((one) => one.data.length)).toEqual([frame.length]);
  });
});

describe('frames that the capture cut', () => {
  const whole = ether({}, ip({ src: LAN, dst: SERVER }, tcp({ sport: 1, dport: 2 }, payload(400))));
  test.each([
    [10, 'drop truncated'],
    [20, 'drop truncated'],
    [40, 'drop truncated'],
    [53, 'drop truncated'],
    [54, 'forward cut-payload'],
    [300, 'forward cut-payload'],
    [whole.length, 'forward'],
  ])('%i octets kept: %s', (kept, outcome) => {
    const bench = new Bench();
    expect(bench.send('lan0', whole.slice(0, kept), whole.length)).toBe(outcome);
    if (kept >= 54) expect(bench.sent.map((one) => [one.data.length, one.wireLength])).toEqual([[kept, whole.length]]);
  });
});

test('an unknown VLAN is dropped as such', () => {
  const frame = ether({ vlans: [{ id: 9 }] }, ip({ src: LAN, dst: SERVER }, udp({ sport: 1, dport: 2 })));
  expect(new Bench().send('lan0', frame)).toBe('drop unknown-vlan');
});

test('stacked VLAN devices take their tags off and put them on', () => {
  const bench = new Bench({
    ...TOPOLOGY,
    interfaces: [
      ...TOPOLOGY.interfaces,
      { name: 'outer', type: 'vlan', link: 'lan0', id: 100, protocol: '802.1ad' },
      { name: 'inner', type: 'vlan', link: 'outer', id: 5, addresses: ['10.5.0.1/24'] },
    ],
  });
  const vlans = [{ id: 100, protocol: 0x88a8 }, { id: 5 }];
  const frame = ether({ vlans }, ip({ src: '10.5.0.9', dst: '10.5.0.1' }, icmp(8, 0, 1, payload(10))));
  expect(bench.send('lan0', frame)).toBe('local');
  expect(bench.sent.map((one) => [one.iface, hex(one.data.slice(12, 22))])).toEqual([['lan0', '88a80064810000050800']]);
});

test('a zero IPv4 checksum of a sender with offload is mended, any other wrong one is not', () => {
  const bench = new Bench();
  const frame = ether({}, ip({ src: LAN, dst: SERVER }, udp({ sport: 1, dport: 2 }, payload(4))));
  frame[24] = 0;
  frame[25] = 0;
  expect(bench.send('lan0', frame)).toBe('forward');
  expect(internetChecksum(bench.sent[0]?.data ?? new Uint8Array(), 14, 34)).toBe(0);
  frame[25] = 1;
  expect(bench.send('lan0', frame)).toBe('drop bad-checksum');
});

const RULES = `flush ruleset
table inet fw {
 flowtable ft {
  hook ingress priority 0; devices = { "lan0", "wan0" };
 }
 chain forward {
  type filter hook forward priority 0; policy drop;
  ct state established,related flow add @ft
  ct state established,related accept
  iifname "lan0" tcp flags syn tcp option maxseg size set rt mtu
  iifname "lan0" accept
  ct state invalid drop
  meta l4proto tcp reject with tcp reset
  reject
 }
 chain input {
  type filter hook input priority 0; policy accept;
  udp dport 53 reject
 }
 chain post {
  type nat hook postrouting priority 100; policy accept;
  oifname "wan0" masquerade
 }
 chain pre {
  type nat hook prerouting priority -100; policy accept;
  iifname "wan0" udp dport 1-1000 dnat ip to 192.168.1.10
 }
}
`;

test.each([
  ['no rules', ''],
  ['NAT, conntrack, rejects and a flowtable', RULES],
])('hostile frames never throw, never loop and leave the pool in balance: %s', (_what, text) => {
  const bench = new Bench(TOPOLOGY, compileText(text));
  const seeds = SCENES.flatMap((scene) => scene.frames).filter(([, frame]) => frame.length < 300);
  const mutation = fc.record({
    seed: fc.nat(seeds.length - 1),
    edits: fc.array(fc.tuple(fc.nat(120), fc.nat(255)), { maxLength: 6 }),
    kept: fc.nat(600),
    more: fc.nat(2000),
    isMended: fc.boolean(),
  });
  fc.assert(
    fc.property(mutation, ({ seed, edits, kept, more, isMended }) => {
      const [iface, original] = seeds[seed] ?? ['lan0', new Uint8Array(14)];
      const frame = original.slice(0, Math.max(14, kept));
      for (const [at, value] of edits) if (at < frame.length) frame[at] = value;
      // Past the checks of the header: most edits would end at its checksum.
      const end = 14 + ((frame[14] ?? 0) & 15) * 4;
      if (isMended && frame[12] === 8 && end <= frame.length && end >= 34) {
        frame.fill(0, 24, 26);
        putBe16(frame, 24, internetChecksum(frame, 14, end));
      }
      const known = iface === 'wan0' ? 'wan0' : 'lan0';
      bench.send(known, frame, frame.length + (more > 1000 ? more - 1000 : 0));
      expect(bench.sent.length).toBeLessThan(20);
    }),
    { numRuns: 4000 },
  );
  expect(bench.send('lan0', ether({}, ip({ src: LAN, dst: '192.168.1.1' }, icmp(8, 0, 1, payload(10)))))).toBe('local');
  expect(bench.sent.length).toBe(1);
});
