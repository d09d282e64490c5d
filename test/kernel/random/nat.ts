// NAT chains of the random rulesets: where to, which ports, from which map.
import type { Draw } from './draw.ts';
import { chain } from './rules.ts';
import type { Topology } from './topologies.ts';

const SOURCE = [
  'oifname "wan0" masquerade',
  'oifname "wan0" meta nfproto ipv4 counter masquerade',
  'oifname "wan0" ip saddr 192.168.1.0/24 counter snat ip to 203.0.113.9',
  'oifname "wan0" snat ip to 203.0.113.20-203.0.113.29',
  'oifname "wan0" snat ip to 203.0.113.20-203.0.113.23 persistent',
  'oifname "wan0" ip protocol tcp snat ip to 203.0.113.9:3000-3050',
  'oifname "wan0" ip protocol udp snat ip to 203.0.113.9:3000-3000',
  'oifname "wan0" masquerade random',
  'oifname "wan0" masquerade fully-random',
  'oifname "wan0" meta l4proto { tcp, udp } masquerade to :20000-20100',
  'oifname "wan0" snat ip to ip saddr map { 192.168.1.10 : 203.0.113.10, 192.168.1.11 : 203.0.113.11 }',
  'oifname "wan0" snat ip prefix to ip saddr map { 192.168.1.0/24 : 203.0.113.0/24 }',
  'oifname "wan0" ip6 saddr fd00:1::/64 snat ip6 to 2001:db8:2::99',
  'oifname "wan0" snat ip6 prefix to ip6 saddr map { fd00:1::/64 : 2001:db8:2::/64 }',
  'ip saddr 192.168.1.0/24 ip daddr 192.168.1.0/24 masquerade',
  'ct status dnat masquerade',
  'oifname "dmz0" ip saddr 192.168.1.0/24 snat ip to 10.9.0.1',
  'oifname "lan0" ip saddr 198.51.100.0/24 snat ip to 192.168.1.1',
];
const DESTINATION = [
  'iifname "wan0" tcp dport 8080 dnat ip to 192.168.1.10:80',
  'iifname "wan0" tcp dport { 80, 443 } dnat ip to 192.168.1.11',
  'iifname "wan0" udp dport 53 counter dnat ip to 192.168.1.10-192.168.1.12',
  'ip daddr 203.0.113.1 dnat ip to tcp dport map { 80 : 192.168.1.10, 22 : 192.168.1.11 }',
  'ip daddr 203.0.113.1 dnat ip to udp dport map { 53 : 192.168.1.12, 443 : 192.168.1.11 }',
  'ip daddr 203.0.113.1 dnat ip to tcp dport map { 443 : 192.168.1.10 . 8443, 5060 : 192.168.1.12 . 22 }',
  'ip daddr 203.0.113.1 tcp dport 80 dnat ip to numgen inc mod 2 map { 0 : 192.168.1.10, 1 : 192.168.1.11 }',
  'ip daddr 203.0.113.1 dnat ip to jhash ip saddr mod 2 seed 0xcafe map { 0 : 192.168.1.10, 1 : 192.168.1.12 }',
  'tcp dport 80 redirect to :8080',
  'udp dport 53 counter redirect to :5353',
  'iifname "lan0" udp dport 53 dnat ip to 198.51.100.9',
  'iifname "lan0" tcp dport 443 dnat ip6 to [2001:db8:99::9]:444',
  'ip6 daddr 2001:db8:2::1 udp dport 53 dnat ip6 to fd00:1::11',
  'ip6 daddr 2001:db8:2::1 tcp dport { 80, 22 } dnat ip6 to fd00:1::10-fd00:1::12',
  'iifname "lan0" ip daddr 198.51.100.8 dnat ip to 198.51.100.7 persistent',
  'ip daddr 203.0.113.20-203.0.113.29 dnat ip to 192.168.1.10-192.168.1.12 random',
  'iifname "lan0" meta l4proto { tcp, udp } th dport 500-600 dnat ip to 198.51.100.9:1000-1005',
];
const INPUT = ['ip saddr 198.51.100.7 snat ip to 198.51.100.77', 'udp dport 53 snat ip to 192.168.1.99'];

/** By lot chains at prerouting, postrouting and input. */
export function natChains(draw: Draw, topology: Topology): string[] {
  const fits = (text: string): boolean => topology.dmz !== undefined || !text.includes('dmz0');
  const source = draw.some(SOURCE.filter(fits), 3);
  const destination = draw.some(DESTINATION.filter(fits), 4);
  const chains: string[] = [];
  if (source.length > 0) chains.push(chain('srcnat', 'type nat hook postrouting priority 100; policy accept;', source));
  if (destination.length > 0)
    chains.push(chain('dstnat', 'type nat hook prerouting priority -100; policy accept;', destination));
  if (draw.oneIn(8))
    chains.push(chain('innat', 'type nat hook input priority 100; policy accept;', draw.some(INPUT, 2)));
  return chains;
}
