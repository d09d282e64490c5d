// nft_flowtable.sh: a router between an originator with a large MTU and a link with a small one, the flowtable on both of
// its devices. Segments too large for the link take the slow path, the others the fast one; with NAT, below a bridge, and
// below a VLAN in a bridge. Its IPsec part is out of model.
import type { KernelScene } from '../../../scripts/kernel/scene.ts';
import { type End, type Row, scene, TcpTalk } from './talk.ts';

const CLIENT = '10.0.1.99';
const SERVER = '10.0.2.99';
const CLIENT6 = 'dead:1::99';
const SERVER6 = 'dead:2::99';
const SERVICE = 12345;
/** Where DNAT waits. */
const VIRTUAL = { ip: '10.6.6.6', port: 1666 };
const LINK_ADDRESS = '192.168.10.1';

interface Mtus {
  originator: number;
  link: number;
  responder: number;
}
const MTUS: Mtus = { originator: 9000, link: 1500, responder: 2000 };

/** `inside` takes the place of veth0's row: what lies on it. */
function router(mtus: Mtus = MTUS, inside: 'veth0' | 'br0' | 'br0 over veth0.10' = 'veth0'): object {
  const addresses = ['10.0.1.1/24', 'dead:1::1/64'];
  const veth0 = { name: 'veth0', mac: '02:00:00:00:00:01', mtu: mtus.originator };
  const upper = {
    veth0: [{ ...veth0, addresses }],
    br0: [veth0, { name: 'br0', type: 'bridge', ports: ['veth0'], mtu: mtus.originator, addresses }],
    'br0 over veth0.10': [
      veth0,
      { name: 'veth0.10', type: 'vlan', link: 'veth0', id: 10, mtu: mtus.originator },
      { name: 'br0', type: 'bridge', ports: ['veth0.10'], mtu: mtus.originator, addresses },
    ],
  }[inside];
  return {
    interfaces: [
      ...upper,
      {
        name: 'veth1',
        mac: '02:00:00:00:00:02',
        mtu: mtus.link,
        addresses: [`${LINK_ADDRESS}/24`, 'fee1:2::1/64'],
      },
    ],
    routes: [
      { dst: '0.0.0.0/0', via: '192.168.10.2', dev: 'veth1' },
      { dst: '::/0', via: 'fee1:2::2', dev: 'veth1' },
    ],
    sysctl: { 'net.netfilter.nf_conntrack_acct': 1 },
  };
}

/** Offloads new connections to the service and counts what still comes past the rules, by direction. */
function filter(first = ''): string {
  return `table inet filter {
	flowtable f1 {
		hook ingress priority 0
		devices = { veth0, veth1 }
	}
	counter to_server { }
	counter to_client { }
	chain forward {
		type filter hook forward priority 0; policy drop;
		${first}
		meta oif "veth1" tcp dport ${SERVICE} ct mark set 1 flow add @f1 counter name to_server accept
		ct mark 1 counter name ct direction map { original : to_server, reply : to_client } accept
		ct state established,related accept
		meta nfproto ipv4 meta l4proto icmp accept
		meta nfproto ipv6 meta l4proto icmpv6 accept
	}
}`;
}

function nat(inside: string): string {
  return `table ip nat {
	chain prerouting {
		type nat hook prerouting priority 0; policy accept;
		meta iifname "${inside}" ip daddr ${VIRTUAL.ip} tcp dport ${VIRTUAL.port} counter dnat ip to ${SERVER}:${SERVICE}
	}
	chain postrouting {
		type nat hook postrouting priority 0; policy accept;
		meta oifname "veth1" counter masquerade
	}
}`;
}

const dscp = (hook: string, device: string): string => `table netdev dscpmangle {
	chain setdscp {
		type filter hook ${hook} device "${device}" priority 0; policy accept;
		ip dscp set cs3
	}
}`;

interface TalkInput {
  mtus?: Mtus;
  /** The originator reaches the service masqueraded, or by the virtual address too. */
  isTranslated?: boolean;
  isVirtual?: boolean;
  /** Both ends learn the path's MTU. */
  hasPmtu?: boolean;
  tag?: boolean;
  port?: number;
}

/** A transfer both ways, as large as a test can afford. */
function transfer({ mtus = MTUS, isTranslated, isVirtual, hasPmtu, tag, port = 40_000 }: TalkInput): Row[] {
  const near: End = {
    device: 'veth0',
    ip: CLIENT,
    port,
    peer: isVirtual ? VIRTUAL : { ip: SERVER, port: SERVICE },
    dontFragment: hasPmtu ?? false,
    link: tag ? { vlans: [{ id: 10 }] } : {},
  };
  const far: End = {
    device: 'veth1',
    ip: SERVER,
    port: SERVICE,
    peer: isTranslated ? { ip: LINK_ADDRESS, port } : { ip: CLIENT, port },
    dontFragment: hasPmtu ?? false,
    mtu: mtus.link,
  };
  const talk = new TcpTalk(near, far);
  // The peer's MSS bounds a segment, the link does not.
  const large = Math.min(mtus.originator, mtus.responder) - 40;
  const fitting = Math.min(mtus.link - 40, large);
  const over = Math.min(fitting + 1, large);
  if (hasPmtu) {
    return [
      ...talk.open(),
      ...talk.segment('near', 'PA', large, { seq: 1001 }),
      ...talk.data('near', fitting, fitting, fitting),
      ...talk.data('far', fitting, fitting, 700),
      ...talk.data('near', 1, fitting - 1),
      // Larger than the link again: the flow is there and cannot be used.
      ...talk.segment('near', 'PA', over, { seq: 1001 }),
      ...talk.data('near', 100),
      ...talk.close(),
    ];
  }
  return [
    ...talk.open(),
    ...talk.data('near', large, large, 100),
    ...talk.data('far', large, 100, large),
    ...talk.data('near', fitting, over),
    ...talk.close(),
  ];
}

function transfer6(): Row[] {
  const near: End = { device: 'veth0', ip: CLIENT6, port: 40_001 };
  const talk = new TcpTalk(near, { device: 'veth1', ip: SERVER6, port: SERVICE });
  return [
    ...talk.open(),
    ...talk.segment('near', 'PA', 1940, { seq: 1001 }),
    ...talk.data('near', 1440, 1440, 200),
    ...talk.data('far', 1440, 300),
    ...talk.segment('near', 'PA', 1441, { seq: 1001 }),
    ...talk.close(),
  ];
}

const isTranslated = true;
const hasPmtu = true;
const MORE_MTUS: Mtus[] = [
  { originator: 8000, link: 1500, responder: 2000 },
  { originator: 1500, link: 1280, responder: 1500 },
  { originator: 2000, link: 9000, responder: 1400 },
  { originator: 65_000, link: 4321, responder: 33_333 },
];
const named = (mtus: Mtus): string => `${mtus.originator}/${mtus.link}/${mtus.responder}`;

const RULES = filter();
const NATTED = `${RULES}\n${nat('veth0')}`;
const one = (name: string, ruleset: string, rows: Row[], shape = router()): KernelScene =>
  scene({ name: `nft_flowtable: ${name}`, router: shape, ruleset, rows });

export const FLOWTABLE_SELFTESTS: KernelScene[] = [
  one('without path MTU discovery large segments are cut in the slow path', RULES, transfer({})),
  one('with path MTU discovery the sender is told, then the fast path takes over', RULES, transfer({ hasPmtu })),
  ...MORE_MTUS.flatMap((mtus) => [
    one(`MTUs ${named(mtus)}, cut`, RULES, transfer({ mtus }), router(mtus)),
    one(`MTUs ${named(mtus)}, discovered`, RULES, transfer({ mtus, hasPmtu }), router(mtus)),
  ]),
  one('IPv6 is never cut', RULES, transfer6()),
  one('masquerade, large segments cut', NATTED, transfer({ isTranslated })),
  one('masquerade, path MTU discovered', NATTED, transfer({ isTranslated, hasPmtu })),
  one('DNAT with masquerade, large segments cut', NATTED, transfer({ isTranslated, isVirtual: true })),
  one('DNAT with masquerade, path MTU discovered', NATTED, transfer({ isTranslated, isVirtual: true, hasPmtu })),
  one('both at once', NATTED, [
    ...transfer({ isTranslated, hasPmtu }),
    ...transfer({ isTranslated, isVirtual: true, hasPmtu, port: 40_002 }),
  ]),
  ...(['cut', 'discovered'] as const).flatMap((how) => [
    one(
      `a DSCP of netdev ingress reaches every packet, ${how}`,
      `${NATTED}\n${dscp('ingress', 'veth0')}`,
      transfer({ isTranslated, hasPmtu: how === 'discovered' }),
    ),
    one(
      `a DSCP of netdev egress reaches every packet, ${how}`,
      `${NATTED}\n${dscp('egress', 'veth1')}`,
      transfer({ isTranslated, hasPmtu: how === 'discovered' }),
    ),
    one(
      `a DSCP of the forward chain misses offloaded packets, ${how}`,
      `${filter('ip dscp set cs3')}\n${nat('veth0')}`,
      transfer({ isTranslated, hasPmtu: how === 'discovered' }),
    ),
  ]),
  ...[false, true].map((isVirtual) =>
    one(
      `a bridge over the device, ${isVirtual ? 'DNAT' : 'masquerade'}`,
      `${RULES}\n${nat('br0')}`,
      transfer({ isTranslated, isVirtual, hasPmtu }),
      router(MTUS, 'br0'),
    ),
  ),
  ...[false, true].map((isVirtual) =>
    one(
      `a bridge over a VLAN of the device, ${isVirtual ? 'DNAT' : 'masquerade'}`,
      `${RULES}\n${nat('br0')}`,
      transfer({ isTranslated, isVirtual, hasPmtu, tag: true }),
      router(MTUS, 'br0 over veth0.10'),
    ),
  ),
  one(
    'a bridge over the device, large segments cut',
    `${RULES}\n${nat('br0')}`,
    transfer({ isTranslated }),
    router(MTUS, 'br0'),
  ),
];
