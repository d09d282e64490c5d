// conntrack_icmp_related.sh: two routers in a row, the second's far link smaller; errors that the second one makes are
// RELATED at the first one, which masquerades: they are for the client. Each router is a scene of its own.
import type { KernelScene } from '../../../scripts/kernel/scene.ts';
import { ether, type IpFields, icmp, icmpv6, ip } from '../../../src/packet/build.ts';
import { bytes, echo, type Row, scene } from './talk.ts';

const CLIENT = { 4: '192.168.1.2', 6: 'dead:1::2' } as const;
const FAR = { 4: '192.168.2.2', 6: 'dead:2::2' } as const;
/** The first router's and the second router's addresses between them. */
const FIRST = { 4: '192.168.3.1', 6: 'dead:3::1' } as const;
const SECOND = { 4: '192.168.3.10', 6: 'dead:3::10' } as const;
const MTU = 1280;

const FIRST_ROUTER = {
  interfaces: [
    { name: 'eth1', mac: '02:00:00:00:00:01', addresses: ['192.168.1.1/24', 'dead:1::1/64'] },
    { name: 'veth0', mac: '02:00:00:00:00:02', addresses: [`${FIRST[4]}/24`, `${FIRST[6]}/64`] },
  ],
  routes: [
    { dst: '0.0.0.0/0', via: SECOND[4], dev: 'veth0' },
    { dst: '::/0', via: SECOND[6], dev: 'veth0' },
  ],
};
const SECOND_ROUTER = {
  interfaces: [
    { name: 'eth2', mac: '02:00:00:00:00:01', addresses: [`${SECOND[4]}/24`, `${SECOND[6]}/64`] },
    { name: 'eth1', mac: '02:00:00:00:00:02', addresses: ['192.168.2.1/24', 'dead:2::1/64'], mtu: MTU },
  ],
  routes: [
    { dst: '0.0.0.0/0', via: FIRST[4], dev: 'eth2' },
    { dst: '::/0', via: FIRST[6], dev: 'eth2' },
  ],
};

const STATES = `table inet filter {
	counter unknown { }
	counter related { }
	chain forward {
		type filter hook forward priority 0; policy accept;
		meta l4proto icmpv6 icmpv6 type packet-too-big ct state related counter name related accept
		meta l4proto icmp icmp type destination-unreachable ct state related counter name related accept
		meta l4proto { icmp, icmpv6 } ct state new,established accept
		counter name unknown drop
	}
}`;
const MASQUERADE = `${STATES}
table ip nat {
	chain postrouting {
		type nat hook postrouting priority 0; policy accept;
		ip protocol icmp oifname "veth0" counter masquerade
	}
}
table ip6 nat {
	chain postrouting {
		type nat hook postrouting priority 0; policy accept;
		ip6 nexthdr icmpv6 oifname "veth0" counter masquerade
	}
}`;
/** What the two hosts count, put into the router's input. */
const HOST = `table inet filter {
	counter unknown { }
	counter new { }
	counter established { }
	counter related { }
	chain input {
		type filter hook input priority 0; policy accept;
		meta l4proto { icmp, icmpv6 } ct state established,untracked accept
		meta l4proto { icmp, icmpv6 } ct state new counter name new accept
		meta l4proto { icmp, icmpv6 } ct state related counter name related accept
		counter name unknown drop
	}
	chain output {
		type filter hook output priority 0; policy accept;
		meta l4proto { icmp, icmpv6 } ct state established,untracked counter name established accept
		counter name unknown drop
	}
}`;

type Family = 4 | 6;

/** The second router's word about an echo that it saw from `from`. */
function tooBig(family: Family, from: string, id: number, length: number): Row {
  const fields: IpFields = { src: from, dst: FAR[family], id: 77, ttl: 63, dontFragment: true };
  const about =
    family === 4
      ? ip(fields, icmp(8, 0, id, bytes(length))).slice(0, 548)
      : ip(fields, icmpv6(128, 0, id, bytes(length))).slice(0, 1232);
  const error = family === 4 ? icmp(3, 4, MTU, about) : icmpv6(2, 0, MTU, about);
  return ['veth0', ether({}, ip({ src: SECOND[family], dst: from, id: 5 }, error))];
}

const DF = { fields: { dontFragment: true } };

const throughFirst: Row[] = ([4, 6] as const).flatMap((family): Row[] => [
  echo('request', 'eth1', CLIENT[family], FAR[family], { length: 1000, ...DF }),
  echo('reply', 'veth0', FAR[family], FIRST[family], { length: 1000 }),
  echo('request', 'eth1', CLIENT[family], FAR[family], { id: 0x04d30001, length: 1300, ...DF }),
  tooBig(family, FIRST[family], 0x04d30001, 1300),
  // About a ping that nobody sent.
  tooBig(family, FIRST[family], 0x09990001, 1300),
]);
const throughSecond: Row[] = ([4, 6] as const).flatMap((family): Row[] => [
  echo('request', 'eth2', FIRST[family], FAR[family], { length: 1000, ...DF }),
  echo('reply', 'eth1', FAR[family], FIRST[family], { length: 1000 }),
  echo('request', 'eth2', FIRST[family], FAR[family], { id: 0x04d30001, length: 1300, ...DF }),
  // Without "don't fragment" IPv4 is cut.
  echo('request', 'eth2', FIRST[family], FAR[family], { id: 0x04d40001, length: 1300 }),
]);
const atHost: Row[] = ([4, 6] as const).flatMap((family): Row[] => [
  echo('request', 'veth0', FAR[family], FIRST[family]),
  echo('request', 'veth0', FAR[family], FIRST[family], { id: 0x04d20002 }),
  echo('reply', 'veth0', FAR[family], FIRST[family], { id: 0x0abc0002 }),
]);

const one = (name: string, router: object, ruleset: string, rows: Row[]): KernelScene =>
  scene({ name: `conntrack_icmp_related: ${name}`, router, ruleset, rows });

export const ICMP_RELATED_SELFTESTS: KernelScene[] = [
  one('errors about masqueraded pings are RELATED and go to the client', FIRST_ROUTER, MASQUERADE, throughFirst),
  one('the router with the small link says so, its own error is not forwarded', SECOND_ROUTER, STATES, throughSecond),
  one('echoes at the router are new, then established', FIRST_ROUTER, HOST, atHost),
];
