// Cases that random rulesets, topologies and traffic found to differ from Linux 6.12: what the kernel did is what is
// expected here. An outcome is 'verdict reason' and the frames that left, each as 'interface octets'.
import { describe, expect, it } from 'vitest';
import { be16, putBe16 } from '../../src/base/columns.ts';
import { ether, fragmentIpv4, fragmentIpv6, icmp, icmpv6, ip, type Layer4, tcp, udp } from '../../src/packet/build.ts';
import { writeIpv4Checksum } from '../../src/packet/checksum.ts';
import { compileText } from './compile.ts';
import { octets, Scene } from './scene.ts';
import { TOPOLOGY } from './scenes.ts';

const LAN = '192.168.1.10';
const SERVER = '198.51.100.7';
const LAN6 = 'fd00:1::10';
const SERVER6 = '2001:db8:99::7';
const ROUTER6 = 'fd00:1::1';
const filler = (length: number): Uint8Array => new Uint8Array(length).fill(0x61);
const UDP = udp({ sport: 5000, dport: 53 }, filler(20));
const chain = (hook: string, rules: string, type = 'filter'): string =>
  `chain ${hook} { type ${type} hook ${hook} priority 0; policy accept;\n${rules}\n}\n`;
const inet = (...chains: string[]): string => `table inet t {\n${chains.join('')}}\n`;
const CT = inet(chain('forward', 'ct state new accept'));

/** A router that packets enter one after the other, a millisecond apart unless time() says otherwise. */
class Wire {
  readonly scene: Scene;
  #nowNs = 0;
  constructor(ruleset: string, topology: object = TOPOLOGY) {
    this.scene = new Scene(topology, compileText(ruleset));
  }
  time(seconds: number): this {
    this.#nowNs = seconds * 1e9;
    return this;
  }
  /** From lan0 unless `iface` says otherwise: 'verdict reason', and the frames. */
  send(datagram: Uint8Array, iface = 'lan0'): { end: string; out: string[]; frames: Uint8Array[] } {
    this.#nowNs += 1e6;
    const outcome = this.scene.send(iface, ether({}, datagram), this.#nowNs);
    const frames = outcome.outputs.map((row) => octets(row.hex));
    const out = outcome.outputs.map((row, i) => `${row.iface} ${frames[i]?.length ?? 0}`);
    return { end: `${outcome.verdict} ${outcome.reason}`.trim(), out, frames };
  }
  /** Packets that the counters of all rules have counted. */
  counters(): number[] {
    const chains = this.scene.router.netfilter.state().tables.flatMap((table) => table.chains);
    return chains
      .flatMap((one) => one.rules.flat())
      .flatMap((state) => (state?.kind === 'counter' ? [state.packets] : []));
  }
}

/** ICMP type and code of a frame without tags. */
function icmpOf(frame: Uint8Array | undefined): string {
  const at = frame?.[12] === 0x86 ? 54 : 34;
  return `${frame?.[at]}/${frame?.[at + 1]}`;
}

/** An IPv6 datagram with one extension header before `inner`. */
function extended(dst: string, type: number, body: number[], inner: Layer4): Uint8Array {
  const plain = ip({ src: LAN6, dst }, inner);
  const out = Uint8Array.of(...plain.subarray(0, 40), inner.protocol, ...body, ...plain.subarray(40));
  out[6] = type;
  putBe16(out, 4, out.length - 40);
  return out;
}

const patched = (datagram: Uint8Array, at: number, value: number): Uint8Array => {
  const copy = datagram.slice();
  copy[at] = value;
  return copy;
};

describe('rejects and checksums', () => {
  const REJECT = chain('forward', 'counter reject');
  const options = (bytes: number[]): Uint8Array => ip({ src: LAN, dst: SERVER, options: Uint8Array.from(bytes) }, UDP);

  it('does not answer while changed options leave the header checksum wrong', () => {
    expect(new Wire(inet(REJECT)).send(options([0, 7, 7, 7]))).toMatchObject({ end: 'drop reject', out: [] });
  });
  it('answers all the same when conntrack has verified the checksum before', () => {
    const wire = new Wire(inet(REJECT, chain('prerouting', 'ct state new')));
    expect(wire.send(options([0, 7, 7, 7])).out).toHaveLength(1);
  });
  it('does not answer a wrong checksum, whoever found it', () => {
    const bad = patched(ip({ src: LAN, dst: SERVER }, UDP), 26, 0x55);
    for (const more of ['', chain('prerouting', 'ct state new')]) {
      expect(new Wire(inet(REJECT, more)).send(bad)).toMatchObject({ end: 'drop reject', out: [] });
    }
  });
  it('takes a protocol that nobody knows to have a checksum over its payload', () => {
    const wire = new Wire(inet(REJECT));
    expect(wire.send(ip({ src: LAN, dst: SERVER }, { protocol: 253, bytes: filler(9) })).out).toEqual([]);
    expect(wire.send(ip({ src: LAN, dst: SERVER }, { protocol: 253, bytes: new Uint8Array(8) })).out).toHaveLength(1);
  });
  it('sends no ICMP error about the ICMP message that it is sending', () => {
    const wire = new Wire(inet(chain('output', 'counter reject')));
    expect(wire.send(ip({ src: LAN, dst: '192.168.1.1' }, icmp(8, 0, 1))).out).toEqual([]);
    expect(wire.counters()).toEqual([1]);
  });
  it('quotes a RST of its own with the checksum that is not filled in yet', () => {
    const wire = new Wire(
      inet(
        chain('forward', 'reject with tcp reset'),
        chain('output', 'meta l4proto tcp reject with icmpx port-unreachable'),
      ),
    );
    const { frames } = wire.send(ip({ src: LAN, dst: SERVER }, tcp({ sport: 4000, dport: 80, flags: 'S' })));
    // The error goes to the address that the RST pretends to come from.
    expect(frames).toHaveLength(1);
    const quoted = (frames[0] as Uint8Array).subarray(14 + 28);
    expect(quoted[9]).toBe(6);
    let sum = 6 + 20;
    for (let at = 12; at < 20; at += 2) sum += be16(quoted, at);
    expect(be16(quoted, 36)).toBe((sum & 0xffff) + (sum >>> 16));
  });
});

describe('IPv4 options', () => {
  it('refuses source routes unless the interface accepts them', () => {
    const options = Uint8Array.of(0x83, 7, 4, 198, 51, 100, 7, 0);
    const datagram = ip({ src: LAN, dst: SERVER, options }, UDP);
    expect(new Wire(inet()).send(datagram).end).toBe('drop source-route');
    const sysctl = { 'net.ipv4.conf.all.accept_source_route': 1 };
    expect(new Wire(inet(), { ...TOPOLOGY, sysctl }).send(datagram).end).toBe('forward');
  });
});

describe('IPv6 extension headers', () => {
  const hopByHop = (bytes: number[]): Uint8Array => extended(SERVER6, 0, bytes, UDP);
  it.each([
    ['an option to be skipped', [0, 0x3e, 2, 0, 0, 1, 0], 'forward', ['wan0 90']],
    ['an option that drops', [0, 0x7e, 2, 0, 0, 1, 0], 'drop malformed', []],
    ['an option that wants an error', [0, 0xbe, 2, 0, 0, 1, 0], 'drop malformed', ['lan0 138']],
    ['padding that is not zero', [0, 1, 4, 0, 0, 9, 0], 'drop malformed', []],
    ['a router alert', [0, 5, 2, 0, 0, 1, 0], 'forward', ['wan0 90']],
  ])('obeys hop by hop %s', (_what, bytes, end, out) => {
    expect(new Wire(inet()).send(hopByHop(bytes))).toMatchObject({ end, out });
  });
  it('names the unknown option in a parameter problem', () => {
    const { frames } = new Wire(inet()).send(hopByHop([0, 0xbe, 2, 0, 0, 1, 0]));
    expect(icmpOf(frames[0])).toBe('4/2');
    expect(frames[0]?.[61]).toBe(42);
  });
  it('is AH to rules, what lies behind AH to connections', () => {
    const wire = new Wire(
      inet(chain('forward', 'meta l4proto ah counter\nmeta l4proto udp counter\nct protocol udp counter')),
    );
    wire.send(extended(SERVER6, 51, [4, ...filler(22)], UDP));
    expect(wire.counters()).toEqual([1, 0, 1]);
  });
  it('does not know AH for itself', () => {
    const { end, frames } = new Wire(inet()).send(extended(ROUTER6, 51, [4, ...filler(22)], UDP));
    expect([end, icmpOf(frames[0]), frames[0]?.[61]]).toEqual(['drop unknown-protocol', '4/1', 6]);
  });
});

describe('fragments', () => {
  const whole4 = (dst: string): Uint8Array => ip({ src: LAN, dst, id: 7 }, udp({ sport: 1, dport: 2 }, filler(1200)));
  const whole6 = (dst: string): Uint8Array => ip({ src: LAN6, dst }, udp({ sport: 1, dport: 2 }, filler(1200)));

  it('leave as long as they came, IPv6 below 1280 included', () => {
    const wire = new Wire(CT);
    const out6 = fragmentIpv6(whole6(SERVER6), 600, 9).map((one) => wire.send(one).out);
    expect(out6).toEqual([[], [], ['wan0 614', 'wan0 614', 'wan0 166']]);
    // The first shorter than the second: 200 + 1008.
    const rest = fragmentIpv4(whole4(SERVER), 220);
    const second = whole4(SERVER).slice(200);
    second.set((rest[1] as Uint8Array).subarray(0, 20));
    putBe16(second, 2, second.length);
    putBe16(second, 6, 25);
    writeIpv4Checksum(second, 0);
    expect([rest[0] as Uint8Array, second].map((one) => wire.send(one).out)).toEqual([[], ['wan0 234', 'wan0 1042']]);
  });
  it('that never become whole are answered for: IPv4 for the router itself only, IPv6 always', () => {
    const wire = new Wire(CT);
    wire.send(fragmentIpv4(whole4('192.168.1.1'), 600)[0] as Uint8Array);
    wire.send(fragmentIpv4(whole4(SERVER), 600)[0] as Uint8Array);
    const late = wire.time(31).send(ip({ src: LAN, dst: SERVER }, UDP));
    expect([late.out, icmpOf(late.frames[0])]).toEqual([['lan0 590', 'wan0 62'], '11/1']);
    wire.send(fragmentIpv6(whole6(SERVER6), 600, 9)[0] as Uint8Array);
    const later = wire.time(95).send(ip({ src: LAN, dst: SERVER }, UDP));
    expect([later.out, icmpOf(later.frames[0])]).toEqual([['lan0 662', 'wan0 62'], '3/1']);
  });
});

describe('UDP for the router itself', () => {
  const withLength = (length: number): Uint8Array => {
    const datagram = ip({ src: LAN, dst: '192.168.1.1' }, UDP);
    putBe16(datagram, 24, length);
    putBe16(datagram, 26, 0);
    return datagram;
  };
  it.each([
    ['longer than its datagram is malformed', 29, 'local malformed', 0],
    ['shorter than its header is malformed', 7, 'local malformed', 0],
    ['shorter than its datagram is answered', 20, 'local no-socket', 1],
  ])('%s', (_what, length, end, answers) => {
    const sent = new Wire(inet()).send(withLength(length));
    expect([sent.end, sent.out.length]).toEqual([end, answers]);
  });
});

describe('connections', () => {
  const STRAY = ip({ src: LAN, dst: SERVER }, icmp(0, 0, 1));
  it('counts octets when a rule asks for them, without nf_conntrack_acct', () => {
    const wire = new Wire(inet(chain('forward', 'ct original bytes > 50 counter')));
    for (let i = 0; i < 3; i++) wire.send(ip({ src: LAN, dst: SERVER }, UDP));
    expect(wire.counters()).toEqual([2]);
    expect(wire.scene.router.netfilter.conntrack.accounting.enabled).toBe(true);
  });
  it('ct count counts a packet without a connection until the list is looked at', () => {
    const wire = new Wire(inet(chain('forward', 'ct state invalid ct count over 0 counter')));
    for (const second of [0, 1, 2]) expect(wire.time(second).send(STRAY).end).toBe('forward');
    expect(wire.counters()).toEqual([3]);
  });
  it('ct count keeps the tuple of a stray reply whose connection comes later', () => {
    const wire = new Wire(inet(chain('prerouting', 'ct count over 2 counter')));
    const echo = (type: number) =>
      ip(type === 8 ? { src: SERVER, dst: LAN } : { src: LAN, dst: SERVER }, icmp(type, 0, 1));
    wire.send(echo(0), 'lan0');
    wire.send(echo(8), 'wan0');
    // The request's own tuple, and the stray reply's: by now that of the connection.
    wire.time(1).send(ip({ src: LAN, dst: SERVER }, UDP));
    expect(wire.counters()).toEqual([1]);
  });
  it('a connection that is not confirmed has no expiration', () => {
    const wire = new Wire(inet(chain('forward', 'ct expiration > 10s counter')));
    wire.send(ip({ src: LAN, dst: SERVER }, UDP));
    wire.send(ip({ src: LAN, dst: SERVER }, UDP));
    expect(wire.counters()).toEqual([1]);
  });
  it('a connection that a RST ends still says when it would have expired', () => {
    const wire = new Wire(inet(chain('output', 'ct expiration > 1m counter')));
    const { out } = wire.send(
      ip({ src: SERVER, dst: '203.0.113.1' }, tcp({ sport: 80, dport: 999, flags: 'A', ack: 5 })),
      'wan0',
    );
    expect([out, wire.counters()]).toEqual([['wan0 54'], [1]]);
  });
});

it('fib: the unspecified IPv6 address has no type', () => {
  const wire = new Wire(inet(chain('prerouting', 'fib saddr type unicast counter')));
  wire.send(ip({ src: '::', dst: SERVER6 }, UDP));
  wire.send(ip({ src: LAN6, dst: SERVER6 }, UDP));
  expect(wire.counters()).toEqual([1]);
});

describe('redirect', () => {
  const REDIRECT = inet(chain('prerouting', 'udp dport 53 redirect to :5353', 'nat'));
  it.each([
    ['drops what goes to a group of a scope in which the interface has no address', 'ff05::2', 'drop nat-failed'],
    ['takes the global address for a global destination', SERVER6, 'local no-socket'],
  ])('%s', (_what, dst, end) => {
    expect(new Wire(REDIRECT).send(ip({ src: LAN6, dst }, UDP)).end).toBe(end);
  });
});

it('an echo request to the router is answered by ICMPv6 as well', () => {
  expect(new Wire(inet()).send(ip({ src: LAN6, dst: ROUTER6 }, icmpv6(128, 0, 1))).out).toEqual(['lan0 62']);
});
