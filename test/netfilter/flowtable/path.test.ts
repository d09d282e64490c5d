// Devices under devices: where a flow's frames enter and how they leave (nft_dev_path_info, dev_fill_forward_path).
import { describe, expect, test } from 'vitest';
import { NF_ACCEPT, NF_STOLEN } from '../../../src/netfilter/verdict.ts';
import { formatMac } from '../../../src/packet/address.ts';
import { ether, ip, tcp } from '../../../src/packet/build.ts';
import { Bench, type Options, SERVER } from './fixture.ts';

const VLAN_HOST = '10.10.0.5';
const BRIDGE_HOST = '10.20.0.5';
const BRIDGE_MAC = '02ee00000055';

function there(src: string, dst = SERVER): Uint8Array {
  return ip({ src, dst }, tcp({ sport: 40000, dport: 443 }));
}
function here(dst: string, src = SERVER): Uint8Array {
  return ip({ src, dst }, tcp({ sport: 443, dport: 40000 }));
}
function offloaded(options: Options, src: string, dst: string, iif: string, oif: string): Bench {
  const bench = new Bench(options);
  expect(bench.add(bench.connect({ src, dst }), ether({}, there(src, dst)), iif, oif)).toBe(true);
  return bench;
}

describe('VLAN', () => {
  test('a flow of a VLAN device hits at the device below, with the tag in the frame', () => {
    const bench = offloaded({}, VLAN_HOST, SERVER, 'lan0.10', 'wan0');
    const tagged = ether({ vlans: [{ id: 10 }] }, there(VLAN_HOST));
    expect(bench.hit(tagged, 'lan0').verdict).toBe(NF_STOLEN);
    const sent = bench.sent[0];
    expect(sent?.oif).toBe('wan0');
    expect(sent?.frame.length).toBe(tagged.length - 4);
    expect(bench.hit(ether({}, here(VLAN_HOST)), 'wan0').verdict).toBe(NF_STOLEN);
    expect(bench.sent[1]).toMatchObject({ how: 'neighbour', oif: 'lan0.10', nexthop4: 0x0a0a0005 });
  });

  test.each([
    ['without a tag', ether({}, there(VLAN_HOST))],
    ['with another tag', ether({ vlans: [{ id: 11 }] }, there(VLAN_HOST))],
    ['with a priority in its tag', ether({ vlans: [{ id: 10, priority: 5 }] }, there(VLAN_HOST))],
    ['with two tags', ether({ vlans: [{ id: 10 }, { id: 10 }] }, there(VLAN_HOST))],
  ])('a frame %s misses', (_name, frame) => {
    const bench = offloaded({}, VLAN_HOST, SERVER, 'lan0.10', 'wan0');
    expect(bench.hit(frame, 'lan0').verdict).toBe(NF_ACCEPT);
  });

  test('with only the VLAN device in devices it hits there, after the tag is off', () => {
    const bench = offloaded({ devices: ['lan0.10', 'wan0'] }, VLAN_HOST, SERVER, 'lan0.10', 'wan0');
    expect(bench.hit(ether({ vlans: [{ id: 10 }] }, there(VLAN_HOST)), 'lan0.10').verdict).toBe(NF_ACCEPT);
    expect(bench.hit(ether({}, there(VLAN_HOST)), 'lan0.10').verdict).toBe(NF_STOLEN);
  });
});

describe('PPPoE', () => {
  test('a flow over PPPoE hits at the Ethernet device, with the session in the frame', () => {
    const bench = offloaded({}, '192.168.1.10', '100.64.0.9', 'lan0', 'ppp0');
    expect(bench.hit(ether({ pppoe: 77 }, here('192.168.1.10', '100.64.0.9')), 'wan0').verdict).toBe(NF_STOLEN);
    expect(bench.sent[0]).toMatchObject({ how: 'neighbour', oif: 'lan0' });
    expect(bench.sent[0]?.frame.length).toBe(14 + 40);
    expect(bench.hit(ether({ pppoe: 78 }, here('192.168.1.10', '100.64.0.9')), 'wan0').verdict).toBe(NF_ACCEPT);
    expect(bench.hit(ether({}, here('192.168.1.10', '100.64.0.9')), 'wan0').verdict).toBe(NF_ACCEPT);
    expect(bench.hit(ether({}, there('192.168.1.10', '100.64.0.9')), 'lan0').verdict).toBe(NF_STOLEN);
    expect(bench.sent[1]).toMatchObject({ how: 'neighbour', oif: 'ppp0' });
  });

  test('a PPPoE frame of another protocol is not looked up', () => {
    const bench = offloaded({}, '192.168.1.10', '100.64.0.9', 'lan0', 'ppp0');
    const frame = ether({ pppoe: 77 }, here('192.168.1.10', '100.64.0.9'));
    frame[21] = 0x23;
    bench.hit(frame, 'wan0');
    expect(bench.events).toEqual([]);
  });
});

describe('bridge', () => {
  const devices = ['lan1', 'wan0'];

  test("a flow of a bridge hits at the port, and leaves by it with the bridge's address", () => {
    const bench = offloaded({ devices, ports: { [BRIDGE_MAC]: 'lan1' } }, BRIDGE_HOST, SERVER, 'br0', 'wan0');
    expect(bench.hit(ether({}, there(BRIDGE_HOST)), 'lan1').verdict).toBe(NF_STOLEN);
    expect(bench.hit(ether({}, here(BRIDGE_HOST)), 'wan0').verdict).toBe(NF_STOLEN);
    const sent = bench.sent[1];
    expect(sent).toMatchObject({ how: 'direct', oif: 'lan1' });
    expect(formatMac(sent?.frame.slice(0, 6) as Uint8Array)).toBe('02:ee:00:00:00:55');
    expect(formatMac(sent?.frame.slice(6, 12) as Uint8Array)).toBe('02:00:00:00:00:05');
    expect([...(sent?.frame.slice(12, 14) ?? [])]).toEqual([8, 0]);
  });

  test('an address that the bridge has not learned leaves the flow at the bridge itself', () => {
    const bench = offloaded({ devices }, BRIDGE_HOST, SERVER, 'br0', 'wan0');
    expect(bench.hit(ether({}, there(BRIDGE_HOST)), 'lan1').verdict).toBe(NF_ACCEPT);
    expect(bench.hit(ether({}, here(BRIDGE_HOST)), 'wan0').verdict).toBe(NF_STOLEN);
    expect(bench.sent[0]).toMatchObject({ how: 'neighbour', oif: 'br0' });
  });

  test('a port that is not in devices leaves the flow at the bridge, where nothing enters', () => {
    const bench = offloaded({ devices: ['wan0'], ports: { [BRIDGE_MAC]: 'lan1' } }, BRIDGE_HOST, SERVER, 'br0', 'wan0');
    expect(bench.hit(ether({}, there(BRIDGE_HOST)), 'lan1').verdict).toBe(NF_ACCEPT);
  });
});

describe('IPv6', () => {
  test('the next hop is the gateway one way and the host the other', () => {
    const [src, dst] = ['fd00:1::10', '2001:db8:9::7'];
    const bench = offloaded({}, src, dst, 'lan0', 'wan0');
    bench.hit(ether({}, there(src, dst)), 'lan0');
    bench.hit(ether({}, here(src, dst)), 'wan0');
    expect(bench.events).toEqual(['flow-hit 6', 'flow-xmit 6']);
    expect(bench.sent.map(({ nexthop6 }) => nexthop6)).toEqual([
      [0x20010db8, 0x00020000, 0, 0xfe],
      [0xfd000001, 0, 0, 0x10],
    ]);
    expect(bench.sent[0]?.frame[14 + 7]).toBe(63);
  });
});
