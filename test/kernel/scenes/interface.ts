// Scenes of interfaces on top of others: VLAN, VLAN on VLAN, bridges with VLANs above and below, PPPoE. What is forwarded,
// translated and answered by the router over each.
import type { KernelScene } from '../../../scripts/kernel/scene.ts';
import { ether, icmp, icmpv6, ip, tcp, udp } from '../../../src/packet/build.ts';

export type Sent = [device: string, octets: Uint8Array];
type Ether = Parameters<typeof ether>[0];

export const SERVER = '198.51.100.7';
export const SERVER6 = '2001:db8:99::7';
const payload = (length: number): Uint8Array => Uint8Array.from({ length }, (_, i) => (i * 7 + 3) & 255);

const ROUTES = `
routes:
  - { dst: 0.0.0.0/0, via: 203.0.113.254, dev: wan0 }
  - { dst: "::/0", via: "2001:db8:2::fe", dev: wan0 }
`;
const WAN = '  - { name: wan0, mac: "02:00:00:00:00:02", addresses: [203.0.113.1/24, "2001:db8:2::1/64"] }\n';

const VLANS = `
interfaces:
  - { name: lan0, mac: "02:00:00:00:00:01", addresses: [192.168.1.1/24] }
${WAN}  - { name: lan0.10, type: vlan, link: lan0, id: 10, mac: "02:00:00:00:00:01", addresses: [10.10.0.1/24, "fd00:10::1/64"] }
  - { name: lan0.20, type: vlan, link: lan0, id: 20, mac: "02:00:00:00:00:01", mtu: 1400, addresses: [10.20.0.1/24] }
  - { name: svc, type: vlan, link: lan0, id: 100, protocol: 802.1ad, mac: "02:00:00:00:00:01", addresses: [10.100.0.1/24] }
  - { name: svc.5, type: vlan, link: svc, id: 5, mac: "02:00:00:00:00:01", addresses: [10.5.0.1/24, "fd00:5::1/64"] }
${ROUTES}`;

const BRIDGES = `
interfaces:
  - { name: lan0, mac: "02:00:00:00:00:01" }
  - { name: lan1, mac: "02:00:00:00:00:03" }
${WAN}  - { name: br0, type: bridge, ports: [lan0, lan1], mac: "02:00:00:00:00:01", addresses: [10.20.0.1/24, "fd00:20::1/64"] }
  - { name: br0.10, type: vlan, link: br0, id: 10, mac: "02:00:00:00:00:01", addresses: [10.10.0.1/24] }
${ROUTES}`;

const BRIDGED_VLANS = `
interfaces:
  - { name: lan0, mac: "02:00:00:00:00:01" }
  - { name: lan1, mac: "02:00:00:00:00:03" }
${WAN}  - { name: lan0.10, type: vlan, link: lan0, id: 10, mac: "02:00:00:00:00:01" }
  - { name: lan1.20, type: vlan, link: lan1, id: 20, mac: "02:00:00:00:00:03" }
  - { name: br0, type: bridge, ports: [lan0.10, lan1.20], mac: "02:00:00:00:00:01", addresses: [10.20.0.1/24, "fd00:20::1/64"] }
${ROUTES}`;

const PPP = `
  - { name: ppp-wan, type: pppoe, link: LINK, session: 7, mtu: 1492, addresses: [203.0.113.1/32, "2001:db8:2::1/64"] }
routes:
  - { dst: 0.0.0.0/0, dev: ppp-wan }
  - { dst: "::/0", dev: ppp-wan }
`;
const PPPOE = `
interfaces:
  - { name: lan0, mac: "02:00:00:00:00:01", addresses: [192.168.1.1/24, "fd00:1::1/64"] }
  - { name: wan0, mac: "02:00:00:00:00:02" }${PPP.replace('LINK', 'wan0')}`;
const PPPOE_ON_VLAN = `
interfaces:
  - { name: lan0, mac: "02:00:00:00:00:01", addresses: [192.168.1.1/24, "fd00:1::1/64"] }
  - { name: wan0, mac: "02:00:00:00:00:02" }
  - { name: wan0.7, type: vlan, link: wan0, id: 7, mac: "02:00:00:00:00:02" }${PPP.replace('LINK', 'wan0.7')}`;

const STRICT_BRIDGES = `strictMac: true${BRIDGES}`;
const PROMISCUOUS = STRICT_BRIDGES.replace(
  'link: br0, id: 10, mac: "02:00:00:00:00:01"',
  'link: br0, id: 10, mac: "02:00:00:00:00:0c"',
);
/** A VLAN device with an address of its own. */
const STRICT_VLANS = `strictMac: true${VLANS.replace('link: lan0, id: 20, mac: "02:00:00:00:00:01"', 'link: lan0, id: 20, mac: "02:00:00:00:00:20"')}`;

export const ROUTERS = { VLANS, BRIDGES, BRIDGED_VLANS, PPPOE, PPPOE_ON_VLAN };

/** Counts what passes each hook of each interface. */
const COUNT = `table inet t {
	chain prerouting { type filter hook prerouting priority 0; iifname "*0*" counter; iifname "br0" counter; iifname "svc*" counter; iifname "ppp-wan" counter; meta iiftype ppp counter; meta protocol ip counter; ether type vlan counter; vlan id 10 counter; }
	chain input { type filter hook input priority 0; iifname "lan0" counter; iifname "lan0.10" counter; iifname "svc.5" counter; iifname "br0" counter; iifname "br0.10" counter; iifname "ppp-wan" counter; }
	chain forward { type filter hook forward priority 0; iifname . oifname vmap { "lan0.10" . "wan0" : accept, "wan0" . "lan0.10" : accept }; counter; ct state established counter; }
	chain output { type filter hook output priority 0; oifname "lan0.10" counter; oifname "br0" counter; oifname "br0.10" counter; oifname "ppp-wan" counter; meta oiftype ppp counter; }
}
`;
const wanOf = (device: string) => `table inet nat {
	chain prerouting { type nat hook prerouting priority -100; iifname "${device}" tcp dport 8080 dnat ip to 10.20.0.5:80; }
	chain postrouting { type nat hook postrouting priority 100; oifname "${device}" masquerade; }
}
`;
const MASQUERADE = wanOf('wan0');

/** nft 1.0.6 wants a line end before the brace. */
export const nft = (text: string): string => text.replaceAll(/; }$/gm, ';\n}');

/** 20 ms apart. */
export function steps(frames: Sent[]): KernelScene['frames'] {
  return frames.map(([device, octets], i) => ({ device, octets, timeNs: i * 20e6 }));
}

/** At these seconds. */
export function later(frames: [number, Sent][]): KernelScene['frames'] {
  return frames.map(([seconds, [device, octets]]) => ({ device, octets, timeNs: seconds * 1e9 }));
}

function scene(name: string, router: string, ruleset: string, frames: Sent[]): KernelScene {
  return { name, router, ruleset: nft(ruleset), frames: steps(frames) };
}

type Way = (src: string, dst: string, layer4: Parameters<typeof ip>[1], fields?: object) => Sent;
/** How frames of a host look at a physical interface. */
export function way(device: string, link: Ether = {}): Way {
  return (src, dst, layer4, fields = {}) => [device, ether(link, ip({ src, dst, id: 7, ...fields }, layer4))];
}
const ask = (sport = 5000, length = 20) => udp({ sport, dport: 53 }, payload(length));
const answer = (dport = 5000, length = 30) => udp({ sport: 53, dport }, payload(length));
const ping = icmp(8, 0, 0x00010001, payload(20));
const ping6 = icmpv6(128, 0, 0x00010001, payload(20));

/** A handshake and some data, from `host` to the server and back to `seen`. */
export function talk(out: Way, back: Way, host: string, seen: string, server: string): Sent[] {
  const up = (flags: string, seq: number, ack: number, length = 0) =>
    out(host, server, tcp({ sport: 40000, dport: 443, flags, seq, ack, window: 64000 }, payload(length)));
  const down = (flags: string, seq: number, ack: number, length = 0) =>
    back(server, seen, tcp({ sport: 443, dport: 40000, flags, seq, ack, window: 64000 }, payload(length)));
  return [
    up('S', 1000, 0),
    down('SA', 5000, 1001),
    up('A', 1001, 5001),
    up('PA', 1001, 5001, 200),
    down('PA', 5001, 1201, 300),
    up('A', 1201, 5301),
    down('PA', 5301, 1201, 100),
    up('FA', 1201, 5401),
    down('FA', 5401, 1202),
    up('A', 1202, 5402),
  ];
}

const tag10 = way('lan0', { vlans: [{ id: 10 }] });
const tag20 = way('lan0', { vlans: [{ id: 20 }] });
const double = way('lan0', { vlans: [{ id: 100, protocol: 0x88a8 }, { id: 5 }] });
const plain = way('lan0');
const plain1 = way('lan1');
const wan = way('wan0');
const session = way('wan0', { src: '02:ee:00:00:00:01', pppoe: 7 });
const sessionOnVlan = way('wan0', { src: '02:ee:00:00:00:01', vlans: [{ id: 7 }], pppoe: 7 });
const A = '02:aa:00:00:00:01';
const B = '02:aa:00:00:00:02';
const EVERYBODY = 'ff:ff:ff:ff:ff:ff';
const A_TO_B = { src: A, dst: B };
const B_TO_A = { src: B, dst: A };
const broken = (frame: Sent, at: number, value: number): Sent => {
  const octets = frame[1].slice();
  octets[at] = value;
  return [frame[0], octets];
};
const cut = (frame: Sent, length: number): Sent => [frame[0], frame[1].slice(0, length)];

export const INTERFACE_SCENES: KernelScene[] = [
  scene('VLAN devices forward, the tag goes off and on', VLANS, COUNT, [
    tag10('10.10.0.5', SERVER, ask()),
    wan(SERVER, '10.10.0.5', answer()),
    tag20('10.20.0.5', '10.10.0.5', ask()),
    tag10('10.10.0.5', '10.20.0.5', answer()),
    tag10('10.10.0.5', '192.168.1.5', ask()),
    plain('192.168.1.5', '10.10.0.5', answer()),
    tag10('fd00:10::5', SERVER6, ask()),
    wan(SERVER6, 'fd00:10::5', answer()),
  ]),
  scene('a VLAN device is translated like any other', VLANS, COUNT + MASQUERADE, [
    ...talk(tag10, wan, '10.10.0.5', '203.0.113.1', SERVER),
    wan('198.51.100.9', '203.0.113.1', tcp({ sport: 9000, dport: 8080, flags: 'S', seq: 1 })),
  ]),
  scene('the router answers over a VLAN device', VLANS, COUNT, [
    tag10('10.10.0.5', '10.10.0.1', ping),
    tag10('fd00:10::5', 'fd00:10::1', ping6),
    tag10('10.10.0.5', '10.10.0.1', ask()),
    tag10('10.10.0.5', '10.10.0.1', tcp({ sport: 40000, dport: 22, flags: 'S', seq: 1 })),
    tag10('10.10.0.5', SERVER, ask(), { ttl: 1 }),
    // Addressed to another interface's address: still the router's.
    tag10('10.10.0.5', '192.168.1.1', ping),
  ]),
  scene('VLAN priority bits reach the VLAN device and are lost', VLANS, COUNT, [
    way('lan0', { vlans: [{ id: 10, priority: 5 }] })('10.10.0.5', SERVER, ask()),
    way('lan0', { vlans: [{ id: 10, priority: 5 }] })('10.10.0.5', '10.20.0.5', ask()),
  ]),
  scene('a priority tag is no VLAN, an unknown VLAN is dropped', VLANS, COUNT, [
    way('lan0', { vlans: [{ id: 0, priority: 3 }] })('192.168.1.5', SERVER, ask()),
    way('lan0', { vlans: [{ id: 0 }, { id: 10 }] })('10.10.0.5', SERVER, ask()),
    way('lan0', { vlans: [{ id: 30 }] })('192.168.1.5', SERVER, ask()),
    way('lan0', { vlans: [{ id: 10 }, { id: 10 }] })('10.10.0.5', SERVER, ask()),
    // The same number of the other protocol is another VLAN.
    way('lan0', { vlans: [{ id: 10, protocol: 0x88a8 }] })('10.10.0.5', SERVER, ask()),
    way('lan0', { vlans: [{ id: 100 }] })('10.100.0.5', SERVER, ask()),
  ]),
  scene('VLAN devices on VLAN devices take two tags off and put two on', VLANS, COUNT + MASQUERADE, [
    double('10.5.0.5', SERVER, ask()),
    wan(SERVER, '203.0.113.1', answer()),
    double('fd00:5::5', 'fd00:5::1', ping6),
    way('lan0', { vlans: [{ id: 100, protocol: 0x88a8 }] })('10.100.0.5', '10.100.0.1', ping),
    way('lan0', { vlans: [{ id: 100, protocol: 0x88a8 }, { id: 6 }] })('10.5.0.5', SERVER, ask()),
    double('10.5.0.5', '10.5.0.1', ping),
    ...talk(double, wan, '10.5.0.5', '203.0.113.1', SERVER),
  ]),
  scene('the MTU of a VLAN device is its own', VLANS, COUNT, [
    tag10('10.10.0.5', '10.20.0.5', ask(5000, 1400), { dontFragment: true }),
    tag10('10.10.0.5', '10.20.0.5', ask(5000, 1400)),
    tag20('10.20.0.5', '10.10.0.5', ask(5000, 1350)),
  ]),
  scene('bridge ports forward frames between them once learned', STRICT_BRIDGES, COUNT, [
    way('lan1', { src: '02:aa:00:00:00:01', dst: 'ff:ff:ff:ff:ff:ff' })('10.20.0.6', '10.20.0.255', ask()),
    way('lan0', { src: '02:aa:00:00:00:02', dst: '02:aa:00:00:00:01' })('10.20.0.5', '10.20.0.6', ask()),
    way('lan1', { src: '02:aa:00:00:00:01', dst: '02:aa:00:00:00:02' })('10.20.0.6', '10.20.0.5', answer()),
    // Its address moves to the other port.
    way('lan0', { src: '02:aa:00:00:00:01', dst: 'ff:ff:ff:ff:ff:ff' })('10.20.0.6', '10.20.0.255', ask()),
    way('lan1', { src: '02:aa:00:00:00:03', dst: '02:aa:00:00:00:01' })('10.20.0.7', '10.20.0.6', ask()),
    // Behind the port that it came from: dropped.
    way('lan0', { src: '02:aa:00:00:00:02', dst: '02:aa:00:00:00:01' })('10.20.0.5', '10.20.0.6', ask()),
  ]),
  scene('a bridge floods what it has not learned', STRICT_BRIDGES, COUNT, [
    way('lan0', A_TO_B)('10.20.0.5', '10.20.0.6', ask()),
    way('lan1', B_TO_A)('10.20.0.6', '10.20.0.5', answer()),
    way('lan0', A_TO_B)('10.20.0.5', '10.20.0.6', ask()),
  ]),
  {
    ...scene('a learned address ages out after 300 s', STRICT_BRIDGES, COUNT, []),
    frames: later([
      [0, way('lan0', A_TO_B)('10.20.0.5', '10.20.0.6', ask())],
      [1, way('lan1', B_TO_A)('10.20.0.6', '10.20.0.5', answer())],
      [290, way('lan1', B_TO_A)('10.20.0.6', '10.20.0.5', answer())],
      [310, way('lan1', B_TO_A)('10.20.0.6', '10.20.0.5', answer())],
      [500, way('lan0', A_TO_B)('10.20.0.5', '10.20.0.6', ask())],
      [900, way('lan0', A_TO_B)('10.20.0.5', '10.20.0.6', ask())],
    ]),
  },
  scene('a bridge drops what it would send back, and frames from itself or from nobody', STRICT_BRIDGES, COUNT, [
    way('lan0', { src: B, dst: EVERYBODY })('10.20.0.6', '10.20.0.255', ask()),
    way('lan0', A_TO_B)('10.20.0.5', '10.20.0.6', ask()),
    way('lan0', { src: '02:00:00:00:00:01', dst: EVERYBODY })('10.20.0.9', '10.20.0.255', ask()),
    way('lan1', { src: A, dst: '02:00:00:00:00:01' })('10.20.0.5', SERVER, ask()),
    way('lan1', { src: '00:00:00:00:00:00', dst: '02:00:00:00:00:01' })('10.20.0.5', SERVER, ask()),
    way('lan1', { src: '03:00:00:00:00:05', dst: '02:00:00:00:00:01' })('10.20.0.5', SERVER, ask()),
  ]),
  scene('the address of a port is not the bridge', STRICT_BRIDGES, COUNT, [
    way('lan1', { src: A, dst: '02:00:00:00:00:03' })('10.20.0.5', SERVER, ask()),
    way('lan0', { src: A, dst: '02:00:00:00:00:03' })('10.20.0.5', SERVER, ask()),
    way('lan1', { src: A, dst: '02:00:00:00:00:01' })('10.20.0.5', SERVER, ask()),
  ]),
  scene('a VLAN device with an address of its own makes its bridge take every frame', PROMISCUOUS, COUNT, [
    way('lan0', A_TO_B)('10.20.0.5', '10.20.0.6', ask()),
    way('lan1', B_TO_A)('10.20.0.6', '10.20.0.5', answer()),
    way('lan0', { src: A, dst: '02:00:00:00:00:0c', vlans: [{ id: 10 }] })('10.10.0.5', SERVER, ask()),
    way('lan0', { src: A, dst: '02:00:00:00:00:01', vlans: [{ id: 10 }] })('10.10.0.5', SERVER, ask()),
    way('lan0', { src: A, dst: '02:00:00:00:00:0c' })('10.20.0.5', SERVER, ask()),
    way('lan0', { src: B, dst: EVERYBODY })('10.20.0.6', '10.20.0.255', ask()),
    way('lan0', A_TO_B)('10.20.0.5', '10.20.0.6', ask()),
  ]),
  scene('reserved addresses are not bridged but for that of bridges', STRICT_BRIDGES, COUNT, [
    way('lan0', { src: A, dst: '01:80:c2:00:00:00' })('10.20.0.5', '10.20.0.255', ask()),
    way('lan0', { src: A, dst: '01:80:c2:00:00:01' })('10.20.0.5', '10.20.0.255', ask()),
    way('lan0', { src: A, dst: '01:80:c2:00:00:02' })('10.20.0.5', '10.20.0.1', ping),
    way('lan0', { src: A, dst: '01:80:c2:00:00:0e' })('10.20.0.5', '10.20.0.1', ping),
    way('lan0', { src: A, dst: '01:80:c2:00:00:10' })('10.20.0.5', '10.20.0.255', ask()),
    way('lan1', { src: B, dst: A })('10.20.0.6', '10.20.0.5', answer()),
  ]),
  scene('frames for other hosts are not received, a VLAN device may have its own address', STRICT_VLANS, COUNT, [
    way('lan0', { dst: '02:00:00:00:00:09' })('192.168.1.5', SERVER, ask()),
    way('lan0', { dst: '02:00:00:00:00:01' })('192.168.1.5', SERVER, ask()),
    way('lan0', { dst: '02:00:00:00:00:09', vlans: [{ id: 10 }] })('10.10.0.5', SERVER, ask()),
    way('lan0', { dst: '02:00:00:00:00:20', vlans: [{ id: 10 }] })('10.10.0.5', SERVER, ask()),
    way('lan0', { dst: '02:00:00:00:00:20', vlans: [{ id: 20 }] })('10.20.0.5', SERVER, ask()),
    way('lan0', { dst: '02:00:00:00:00:01', vlans: [{ id: 20 }] })('10.20.0.5', SERVER, ask()),
    way('lan0', { dst: EVERYBODY })('192.168.1.5', SERVER, ask()),
  ]),
  scene('a bridge device routes, translates and answers', BRIDGES, COUNT + MASQUERADE, [
    plain('10.20.0.5', SERVER, ask()),
    wan(SERVER, '203.0.113.1', answer()),
    plain1('10.20.0.6', '10.20.0.1', ping),
    plain1('fd00:20::6', 'fd00:20::1', ping6),
    plain('10.20.0.5', SERVER, ask(), { ttl: 1 }),
    wan('198.51.100.9', '203.0.113.1', tcp({ sport: 9000, dport: 8080, flags: 'S', seq: 1 })),
    ...talk(plain, wan, '10.20.0.5', '203.0.113.1', SERVER),
  ]),
  scene('a VLAN device on a bridge has its tag on every port', BRIDGES, COUNT + MASQUERADE, [
    tag10('10.10.0.5', SERVER, ask()),
    wan(SERVER, '203.0.113.1', answer()),
    tag10('10.10.0.5', '10.10.0.1', ping),
    way('lan1', { vlans: [{ id: 10 }] })('10.10.0.6', '10.20.0.5', ask()),
    plain('10.20.0.5', '10.10.0.6', answer()),
    // Another tag goes over the bridge like any frame.
    way('lan0', { src: '02:aa:00:00:00:02', dst: 'ff:ff:ff:ff:ff:ff', vlans: [{ id: 30 }] })(
      '10.9.0.1',
      '10.9.0.255',
      ask(),
    ),
    way('lan0', { src: '02:aa:00:00:00:02', vlans: [{ id: 30 }] })('10.9.0.1', '10.9.0.7', ask()),
  ]),
  scene('a bridge of VLAN devices changes the tag', BRIDGED_VLANS, COUNT + MASQUERADE, [
    way('lan0', { src: '02:aa:00:00:00:01', dst: 'ff:ff:ff:ff:ff:ff', vlans: [{ id: 10 }] })(
      '10.20.0.5',
      '10.20.0.255',
      ask(),
    ),
    way('lan1', { src: '02:aa:00:00:00:02', dst: '02:aa:00:00:00:01', vlans: [{ id: 20 }] })(
      '10.20.0.6',
      '10.20.0.5',
      answer(),
    ),
    tag10('10.20.0.5', SERVER, ask()),
    wan(SERVER, '203.0.113.1', answer()),
    tag10('10.20.0.5', '10.20.0.1', ping),
    plain('10.20.0.5', '10.20.0.1', ping),
    tag20('10.20.0.5', '10.20.0.1', ping),
    ...talk(tag10, wan, '10.20.0.5', '203.0.113.1', SERVER),
  ]),
  scene('PPPoE forwards both families', PPPOE, COUNT, [
    plain('192.168.1.5', SERVER, ask()),
    session(SERVER, '192.168.1.5', answer()),
    plain('fd00:1::5', SERVER6, ask()),
    session(SERVER6, 'fd00:1::5', answer()),
    // Odd lengths.
    plain('192.168.1.5', SERVER, ask(5001, 19)),
    session(SERVER, '192.168.1.5', answer(5001, 1)),
  ]),
  scene('PPPoE masquerades', PPPOE, COUNT + wanOf('ppp-wan'), [
    ...talk(plain, session, '192.168.1.5', '203.0.113.1', SERVER),
    plain('192.168.1.5', SERVER, ask()),
    session(SERVER, '203.0.113.1', answer()),
    session('198.51.100.9', '203.0.113.1', tcp({ sport: 9000, dport: 8080, flags: 'S', seq: 1 })),
  ]),
  scene('the router answers over PPPoE', PPPOE, COUNT, [
    session(SERVER, '203.0.113.1', ping),
    session(SERVER6, '2001:db8:2::1', ping6),
    session(SERVER, '203.0.113.1', ask()),
    session(SERVER, '203.0.113.1', tcp({ sport: 40000, dport: 22, flags: 'S', seq: 1 })),
    session(SERVER, '192.168.1.5', ask(), { ttl: 1 }),
    session(SERVER6, 'fd00:1::5', ask(), { ttl: 1 }),
    plain('192.168.1.5', '203.0.113.1', ping),
  ]),
  scene('the MTU of a PPPoE device is 1492', PPPOE, COUNT, [
    plain('192.168.1.5', SERVER, ask(5000, 1464)),
    plain('192.168.1.5', SERVER, ask(5000, 1465), { dontFragment: true }),
    plain('192.168.1.5', SERVER, ask(5000, 1465)),
    plain('fd00:1::5', SERVER6, ask(5000, 1445)),
    plain('fd00:1::5', SERVER6, ask(5000, 1444)),
    session(SERVER, '192.168.1.5', answer(5000, 1464)),
  ]),
  scene('PPPoE frames of no session are dropped', PPPOE, COUNT, [
    way('wan0', { src: '02:ee:00:00:00:01', pppoe: 8 })(SERVER, '203.0.113.1', ping),
    way('wan0', {})(SERVER, '203.0.113.1', ping),
    // Version and type, and the code that stands for data.
    broken(session(SERVER, '203.0.113.1', ping), 14, 0x12),
    broken(session(SERVER, '203.0.113.1', ping), 15, 0x01),
    // A PPP protocol that the router does not speak, and a length that is longer than the frame.
    broken(session(SERVER, '203.0.113.1', ping), 21, 0x3d),
    broken(session(SERVER, '203.0.113.1', ping), 19, 0xff),
    broken(session(SERVER, '203.0.113.1', ping), 19, 0x10),
    cut(session(SERVER, '203.0.113.1', ping), 18),
    session(SERVER, '203.0.113.1', ping),
  ]),
  scene('PPPoE over a VLAN device', PPPOE_ON_VLAN, COUNT + wanOf('ppp-wan'), [
    plain('192.168.1.5', SERVER, ask()),
    sessionOnVlan(SERVER, '203.0.113.1', answer()),
    sessionOnVlan(SERVER, '203.0.113.1', ping),
    session(SERVER, '203.0.113.1', ping),
    plain('fd00:1::5', SERVER6, ask()),
    ...talk(plain, sessionOnVlan, '192.168.1.5', '203.0.113.1', SERVER),
  ]),
  scene('Ethernet padding behind a PPPoE payload is trimmed', PPPOE, COUNT, [
    ['wan0', padded(session(SERVER, '192.168.1.5', udp({ sport: 53, dport: 5000 }, payload(2)))[1])],
    ['lan0', padded(plain('192.168.1.5', SERVER, udp({ sport: 5000, dport: 53 }, payload(2)))[1])],
  ]),
];

/** To the least length of an Ethernet frame. */
export function padded(octets: Uint8Array): Uint8Array {
  const frame = new Uint8Array(Math.max(60, octets.length));
  frame.set(octets);
  return frame;
}
