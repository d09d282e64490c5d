// Scenes of the flowtable over interfaces on top of others: which device a flow is found at, with which tags and sessions,
// and which way its frames leave: by the neighbour's address, or straight to the device at the bottom.
import type { KernelScene } from '../../../scripts/kernel/scene.ts';
import { nft, ROUTERS, SERVER, SERVER6, type Sent, steps, talk, way } from './interface.ts';
import { answer, ask, MASQUERADE, rules } from './offload-frames.ts';

const A = '02:aa:00:00:00:01';
const tag = (id: number, priority = 0) => way('lan0', { src: A, vlans: [{ id, priority }] });
const double = way('lan0', { vlans: [{ id: 100, protocol: 0x88a8 }, { id: 5 }] });
const lan = way('lan0');
const wan = way('wan0');
const session = way('wan0', { src: '02:ee:00:00:00:01', pppoe: 7 });
const sessionOnVlan = way('wan0', { src: '02:ee:00:00:00:01', vlans: [{ id: 7 }], pppoe: 7 });
type Way = typeof lan;

const both = (out: Way, back: Way, host: string, seen = host, server = SERVER): Sent[] =>
  [ask(), ask(21), ask(22), ask(23)].flatMap((one, i) => [out(host, server, one), back(server, seen, answer(30 + i))]);

const scene = (name: string, router: string, frames: Sent[], devices = 'lan0, wan0', more = ''): KernelScene => ({
  name: `flowtable: ${name}`,
  router: `${router}sysctl: { net.netfilter.nf_conntrack_acct: 1 }\n`,
  ruleset: rules({ devices, more }),
  frames: steps(frames),
});

/** Addresses that differ everywhere, so that a frame shows who built it. */
const APART = `
strictMac: true
interfaces:
  - { name: lan0, mac: "02:00:00:00:00:01" }
  - { name: lan1, mac: "02:00:00:00:00:03" }
  - { name: wan0, mac: "02:00:00:00:00:02", addresses: [203.0.113.1/24, "2001:db8:2::1/64"] }
  - { name: lan0.10, type: vlan, link: lan0, id: 10, mac: "02:00:00:00:00:0a" }
  - { name: br0, type: bridge, ports: [lan0.10, lan1], mac: "02:00:00:00:00:0b", addresses: [10.20.0.1/24, "fd00:20::1/64"] }
  - { name: br0.7, type: vlan, link: br0, id: 7, mac: "02:00:00:00:00:0c", addresses: [10.7.0.1/24] }
routes:
  - { dst: 0.0.0.0/0, via: 203.0.113.254, dev: wan0 }
  - { dst: "::/0", via: "2001:db8:2::fe", dev: wan0 }
neighbours:
  - { dev: br0, ip: 10.20.0.5, mac: "02:aa:00:00:00:01" }
  - { dev: br0, ip: 10.20.0.6, mac: "02:aa:00:00:00:02" }
  - { dev: br0.7, ip: 10.7.0.5, mac: "02:aa:00:00:00:03" }
`;
const HOSTS = `neighbours:
  - { dev: br0, ip: 10.20.0.5, mac: "02:aa:00:00:00:01" }
  - { dev: br0, ip: "fd00:20::5", mac: "02:aa:00:00:00:01" }
  - { dev: br0.10, ip: 10.10.0.5, mac: "02:aa:00:00:00:01" }
`;
const from = (device: string, src: string, vlans: { id: number }[] = []) => way(device, { src, vlans });
const to = (dst: string, device: string, src: string, vlans: { id: number }[] = []) => way(device, { src, dst, vlans });
const BRIDGE = '02:00:00:00:00:0b';
const VLAN = '02:00:00:00:00:0c';
const back = way('wan0', { dst: '02:00:00:00:00:02' });

const THREE_TAGS = `${ROUTERS.VLANS.replace('routes:', '  - { name: svc.5.6, type: vlan, link: svc.5, id: 6, mac: "02:00:00:00:00:01", addresses: [10.6.0.1/24] }\nroutes:')}`;
const triple = way('lan0', { vlans: [{ id: 100, protocol: 0x88a8 }, { id: 5 }, { id: 6 }] });

/** A bridge that filters VLANs: lan0 untagged in 10, lan1 tagged in 10 and 20; the bridge is in 10, a VLAN device in 20. */
const FILTERING = `
strictMac: true
interfaces:
  - { name: lan0, mac: "02:00:00:00:00:01" }
  - { name: lan1, mac: "02:00:00:00:00:03" }
  - { name: wan0, mac: "02:00:00:00:00:02", addresses: [203.0.113.1/24] }
  - { name: br0, type: bridge, ports: [lan0, lan1], mac: "02:00:00:00:00:0b", addresses: [10.20.0.1/24], vlans: [{ port: lan0, id: 10, pvid: true, untagged: true }, { port: lan0, id: 20, untagged: true }, { port: lan1, id: 10 }, { port: lan1, id: 20 }, { port: br0, id: 10, pvid: true, untagged: true }, { port: br0, id: 20 }] }
  - { name: br0.20, type: vlan, link: br0, id: 20, mac: "02:00:00:00:00:0b", addresses: [10.30.0.1/24] }
routes:
  - { dst: 0.0.0.0/0, via: 203.0.113.254, dev: wan0 }
neighbours:
  - { dev: br0, ip: 10.20.0.5, mac: "02:aa:00:00:00:01" }
  - { dev: br0, ip: 10.20.0.6, mac: "02:aa:00:00:00:02" }
  - { dev: br0.20, ip: 10.30.0.6, mac: "02:aa:00:00:00:02" }
`;

/** PPPoE over a bridge, as when the modem is behind a bridged port. */
const PPPOE_ON_BRIDGE = `
interfaces:
  - { name: lan0, mac: "02:00:00:00:00:01", addresses: [192.168.1.1/24] }
  - { name: wan0, mac: "02:00:00:00:00:02" }
  - { name: wan1, mac: "02:00:00:00:00:03" }
  - { name: br0, type: bridge, ports: [wan0, wan1], mac: "02:00:00:00:00:0b" }
  - { name: ppp-wan, type: pppoe, link: br0, session: 7, mtu: 1492, addresses: [203.0.113.1/32] }
routes:
  - { dst: 0.0.0.0/0, dev: ppp-wan }
`;

export const OFFLOAD_PATH_SCENES: KernelScene[] = [
  scene('VLAN flows are found at the device below, by their tag', ROUTERS.VLANS, both(tag(10), wan, '10.10.0.5')),
  scene(
    'VLAN to VLAN on one trunk',
    ROUTERS.VLANS,
    both(tag(10), tag(20), '10.10.0.5', '10.10.0.5', '10.20.0.5'),
    'lan0',
  ),
  scene('priority bits in the tag miss', ROUTERS.VLANS, [
    ...both(tag(10), wan, '10.10.0.5'),
    ...both(tag(10, 5), wan, '10.10.0.5'),
  ]),
  scene('a VLAN device as device of the flowtable', ROUTERS.VLANS, both(tag(10), wan, '10.10.0.5'), 'lan0.10, wan0'),
  scene(
    'both the VLAN device and the device below',
    ROUTERS.VLANS,
    both(tag(10), wan, '10.10.0.5'),
    'lan0, lan0.10, wan0',
  ),
  scene('VLAN on VLAN: two tags in the tuple', ROUTERS.VLANS, both(double, wan, '10.5.0.5')),
  scene('VLAN on VLAN, the device in the middle', ROUTERS.VLANS, both(double, wan, '10.5.0.5'), 'svc, wan0'),
  scene('three tags are too many for a path', THREE_TAGS, both(triple, wan, '10.6.0.5')),
  scene('three tags, and the device at the top', THREE_TAGS, both(triple, wan, '10.6.0.5'), 'svc.5.6, wan0'),
  scene('IPv6 over VLANs', ROUTERS.VLANS, [
    ...both(double, wan, 'fd00:5::5', 'fd00:5::5', SERVER6),
    ...both(tag(10), wan, 'fd00:10::5', 'fd00:10::5', SERVER6),
  ]),
  scene(
    'the MTU of a VLAN device, without the tag',
    ROUTERS.VLANS,
    [
      ...both(tag(10), tag(20), '10.10.0.5', '10.10.0.5', '10.20.0.5'),
      tag(10)('10.10.0.5', '10.20.0.5', ask(1372)),
      tag(10)('10.10.0.5', '10.20.0.5', ask(1373)),
      tag(20)('10.20.0.5', '10.10.0.5', answer(1372)),
    ],
    'lan0',
  ),
  scene(
    'masquerade behind a VLAN',
    ROUTERS.VLANS,
    talk(tag(10), wan, '10.10.0.5', '203.0.113.1', SERVER),
    'lan0, wan0',
    MASQUERADE,
  ),
  scene('untagged frames of a tagged flow miss', ROUTERS.VLANS, [
    ...both(tag(10), wan, '10.10.0.5'),
    lan('10.10.0.5', SERVER, ask()),
    tag(20)('10.10.0.5', SERVER, ask()),
  ]),

  scene(
    'a bridge port is the device, frames leave by it past the bridge',
    ROUTERS.BRIDGES + HOSTS,
    both(from('lan0', A), wan, '10.20.0.5'),
    'lan0, lan1, wan0',
  ),
  scene(
    'frames of a flow that leave by a bridge port have the address of the bridge',
    APART,
    both(to(BRIDGE, 'lan1', '02:aa:00:00:00:02'), back, '10.20.0.6'),
    'lan0, lan1, wan0',
  ),
  scene(
    'frames that leave by a VLAN port of a bridge too',
    APART,
    both(to(BRIDGE, 'lan0', A, [{ id: 10 }]), back, '10.20.0.5'),
    'lan0, lan1, wan0',
  ),
  scene(
    'the VLAN port itself as device',
    APART,
    both(to(BRIDGE, 'lan0', A, [{ id: 10 }]), back, '10.20.0.5'),
    'lan0.10, wan0',
  ),
  scene(
    'frames of a VLAN device on a bridge have the address of the VLAN device',
    APART,
    both(to(VLAN, 'lan1', '02:aa:00:00:00:03', [{ id: 7 }]), back, '10.7.0.5'),
    'lan0, lan1, wan0',
  ),
  scene(
    'a VLAN device on a bridge of VLAN devices has two tags',
    APART,
    both(to(VLAN, 'lan0', '02:aa:00:00:00:03', [{ id: 10 }, { id: 7 }]), back, '10.7.0.5'),
    'lan0, lan1, wan0',
  ),
  scene(
    'the bridge as device of the flowtable',
    ROUTERS.BRIDGES + HOSTS,
    both(from('lan0', A), wan, '10.20.0.5'),
    'br0, wan0',
  ),
  scene(
    'a VLAN device on a bridge: the tag at the port',
    ROUTERS.BRIDGES + HOSTS,
    both(from('lan0', A, [{ id: 10 }]), wan, '10.10.0.5'),
    'lan0, lan1, wan0',
  ),
  scene(
    'a host that moved to another port is slow one way and gets its answers at the old port',
    ROUTERS.BRIDGES + HOSTS,
    [...both(from('lan0', A), wan, '10.20.0.5'), ...both(from('lan1', A), wan, '10.20.0.5')],
    'lan0, lan1, wan0',
  ),
  scene(
    'behind an unlearned port the flow is that of the bridge',
    ROUTERS.BRIDGES + HOSTS,
    [
      wan(SERVER, '10.20.0.5', ask()),
      wan(SERVER, '10.20.0.5', ask()),
      wan(SERVER, '10.20.0.5', ask()),
      from('lan0', A)('10.20.0.5', SERVER, answer()),
      from('lan0', A)('10.20.0.5', SERVER, answer()),
    ],
    'lan0, lan1, wan0',
  ),
  scene(
    'port to port through the router',
    ROUTERS.BRIDGES + HOSTS,
    both(from('lan0', A, [{ id: 10 }]), from('lan1', '02:ee:00:00:00:01'), '10.10.0.5', '10.10.0.5', '10.20.0.77'),
    'lan0, lan1, wan0',
  ),
  scene(
    'bridge chains do not see the fast path',
    ROUTERS.BRIDGES + HOSTS,
    both(from('lan0', A), wan, '10.20.0.5'),
    'lan0, lan1, wan0',
    nft(
      'table bridge b {\n\tchain pre { type filter hook prerouting priority 0; counter; }\n\tchain out { type filter hook output priority 0; counter; }\n}',
    ),
  ),
  scene(
    'masquerade behind a bridge',
    ROUTERS.BRIDGES + HOSTS,
    talk(from('lan0', A), wan, '10.20.0.5', '203.0.113.1', SERVER),
    'lan0, lan1, wan0',
    MASQUERADE,
  ),
  scene(
    'IPv6 behind a bridge',
    ROUTERS.BRIDGES + HOSTS,
    both(from('lan0', A), wan, 'fd00:20::5', 'fd00:20::5', SERVER6),
    'lan0, lan1, wan0',
  ),

  scene(
    'a bridge that filters VLANs, at an untagged port',
    FILTERING,
    both(to(BRIDGE, 'lan0', A), back, '10.20.0.5'),
    'lan0, lan1, wan0',
  ),
  scene(
    'a bridge that filters VLANs, at a tagged port: the tag is looked for, but not put on',
    FILTERING,
    both(to(BRIDGE, 'lan1', '02:aa:00:00:00:02', [{ id: 10 }]), back, '10.20.0.6'),
    'lan0, lan1, wan0',
  ),
  scene(
    'a VLAN device on a bridge that filters VLANs, at a tagged port',
    FILTERING,
    both(to(BRIDGE, 'lan1', '02:aa:00:00:00:02', [{ id: 20 }]), back, '10.30.0.6'),
    'lan0, lan1, wan0',
  ),
  scene(
    'PPPoE flows are found at the device below, by their session',
    ROUTERS.PPPOE,
    both(lan, session, '192.168.1.5'),
  ),
  scene('IPv6 over PPPoE', ROUTERS.PPPOE, both(lan, session, 'fd00:1::5', 'fd00:1::5', SERVER6)),
  scene(
    'masquerade on PPPoE',
    ROUTERS.PPPOE,
    [...both(lan, session, '192.168.1.5', '203.0.113.1'), ...talk(lan, session, '192.168.1.5', '203.0.113.1', SERVER)],
    'lan0, wan0',
    MASQUERADE,
  ),
  scene('the MTU of a PPPoE device', ROUTERS.PPPOE, [
    ...both(lan, session, '192.168.1.5'),
    lan('192.168.1.5', SERVER, ask(1464)),
    lan('192.168.1.5', SERVER, ask(1465)),
    session(SERVER, '192.168.1.5', answer(1464)),
  ]),
  scene(
    'PPPoE over a VLAN: tag and session',
    ROUTERS.PPPOE_ON_VLAN,
    both(lan, sessionOnVlan, '192.168.1.5', '203.0.113.1'),
    'lan0, wan0',
    MASQUERADE,
  ),
  scene(
    'the PPPoE device itself as device of the flowtable',
    ROUTERS.PPPOE,
    both(lan, session, '192.168.1.5'),
    'lan0, ppp-wan',
  ),
  scene('PPPoE and only the LAN as device', ROUTERS.PPPOE, both(lan, session, '192.168.1.5'), 'lan0'),
  scene(
    'PPPoE over a bridge',
    PPPOE_ON_BRIDGE,
    both(lan, session, '192.168.1.5', '203.0.113.1'),
    'lan0, wan0, wan1',
    MASQUERADE,
  ),
  scene('another session misses', ROUTERS.PPPOE, [
    ...both(lan, session, '192.168.1.5'),
    way('wan0', { src: '02:ee:00:00:00:01', pppoe: 8 })(SERVER, '192.168.1.5', answer()),
    wan(SERVER, '192.168.1.5', answer()),
  ]),
];
