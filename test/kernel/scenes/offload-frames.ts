// Routers, rulesets and frames of the flowtable's scenes.
import type { KernelScene } from '../../../scripts/kernel/scene.ts';
import { ether, fragmentIpv4, type ip, tcp, udp } from '../../../src/packet/build.ts';
import { later, nft, SERVER, type Sent, steps, way } from './interface.ts';

export const HOST = '192.168.1.5';
export const HOST6 = 'fd00:1::5';
export const WAN_IP = '203.0.113.1';
export const payload = (length: number): Uint8Array => Uint8Array.from({ length }, (_, i) => (i * 5 + 1) & 255);

export const router = (more = '', sysctl = '', wan = ''): string => `
interfaces:
  - { name: lan0, mac: "02:00:00:00:00:01", addresses: [192.168.1.1/24, "fd00:1::1/64"] }
  - { name: wan0, mac: "02:00:00:00:00:02"${wan}, addresses: [203.0.113.1/24, "2001:db8:2::1/64"] }
  - { name: wan1, mac: "02:00:00:00:00:03", addresses: [198.18.0.1/24, "2001:db8:3::1/64"] }
routes:
  - { dst: 0.0.0.0/0, via: 203.0.113.254, dev: wan0 }
  - { dst: "::/0", via: "2001:db8:2::fe", dev: wan0 }
  - { dst: 0.0.0.0/0, via: 198.18.0.254, dev: wan1, table: 100 }
${more}neighbours:
  - { dev: wan0, ip: 203.0.113.254, mac: "02:ee:00:00:00:fe" }
  - { dev: wan1, ip: 198.18.0.254, mac: "02:ee:00:00:00:fd" }
sysctl: { net.netfilter.nf_conntrack_acct: 1${sysctl} }
`;
export const ROUTER = router();

export interface Rules {
  devices?: string;
  family?: string;
  flowtable?: string;
  rules?: string;
  before?: string;
  more?: string;
}
/** A flowtable, a forward chain that adds to it, and what else the scene needs. */
export function rules({
  devices = 'lan0, wan0',
  family = 'inet',
  flowtable = 'counter;',
  rules: list = 'flow add @ft; counter',
  before = '',
  more = '',
}: Rules = {}): string {
  const lines = list.split('; ').join('\n\t\t');
  return nft(`table ${family} f {
	flowtable ft { hook ingress priority 0; devices = { ${devices} }; ${flowtable} }
	${before}
	chain forward { type filter hook forward priority 0; policy accept;
		${lines}
	}
}
${more}
`);
}
export const MASQUERADE = `table inet n {
	chain post { type nat hook postrouting priority 100; oifname { "wan0", "ppp-wan" } masquerade; }
}`;
export const DNAT = `table inet n {
	chain pre { type nat hook prerouting priority -100; ip daddr 203.0.113.1 tcp dport 8080 dnat ip to 192.168.1.5:80; ip daddr 203.0.113.1 udp dport 8080 dnat ip to 192.168.1.5:80; }
	chain post { type nat hook postrouting priority 100; ip saddr 192.168.1.0/24 ip daddr 192.168.1.5 snat ip to 192.168.1.1; }
}`;

export const lan = way('lan0');
export const wan = way('wan0', { src: '02:ee:00:00:00:fe' });
export const wan1 = way('wan1', { src: '02:ee:00:00:00:fd' });
export const ask = (length = 20, sport = 5000) => udp({ sport, dport: 53 }, payload(length));
export const answer = (length = 30, dport = 5000) => udp({ sport: 53, dport }, payload(length));
export const up = (flags: string, seq: number, ack: number, length = 0, fields = {}): Sent =>
  lan(HOST, SERVER, tcp({ sport: 40000, dport: 443, flags, seq, ack, window: 64000 }, payload(length)), fields);
export const down = (flags: string, seq: number, ack: number, length = 0, fields = {}): Sent =>
  wan(SERVER, HOST, tcp({ sport: 443, dport: 40000, flags, seq, ack, window: 64000 }, payload(length)), fields);
export const OUT = lan(HOST, SERVER, ask());
export const BACK = wan(SERVER, HOST, answer());
export const OPEN: Sent[] = [up('S', 1000, 0), down('SA', 5000, 1001), up('A', 1001, 5001)];
export const UDP_OPEN: Sent[] = [OUT, BACK, OUT, BACK];

export const changed = (frame: Sent, change: (octets: Uint8Array) => void): Sent => {
  const octets = frame[1].slice();
  change(octets);
  return [frame[0], octets];
};
export const NOPS = { options: Uint8Array.of(1, 1, 1, 1) };
export const gre = (version = 0, key = false) => ({
  protocol: 47,
  bytes: Uint8Array.of(key ? 0x20 : 0, version, 0x08, 0x00, ...(key ? [0, 0, 0, 9] : []), ...payload(40)),
});
export const sctp = { protocol: 132, bytes: Uint8Array.of(0x13, 0x88, 0, 53, 0, 0, 0, 1, 0, 0, 0, 0, 1, 0, 0, 4) };
export const extension = (next: Parameters<typeof ip>[1], header: number) => ({
  protocol: header,
  bytes: Uint8Array.of(next.protocol, 0, 1, 4, 0, 0, 0, 0, ...next.bytes),
});

export const scene = (name: string, frames: Sent[], given: Rules = {}, router_ = ROUTER): KernelScene => ({
  name,
  router: router_,
  ruleset: rules(given),
  frames: steps(frames),
});
export const timed = (
  name: string,
  frames: [number, Sent][],
  tailSeconds: number,
  given: Rules = {},
  router_ = ROUTER,
): KernelScene => ({
  name,
  router: router_,
  ruleset: rules(given),
  frames: later(frames),
  tailNs: tailSeconds * 1e9,
});

export function fragments(datagram: Uint8Array): Sent[] {
  return fragmentIpv4(datagram, 1420).map((part): Sent => ['lan0', ether({}, part)]);
}
