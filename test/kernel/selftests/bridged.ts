// The nft part of bridge_brouter.sh: two hosts of one network behind ports of a bridge; frames between them pass the bridge's
// own chains and not the router's. Making the bridge route them (broute) is out of model.
import type { KernelScene } from '../../../scripts/kernel/scene.ts';
import { arp, ether } from '../../../src/packet/build.ts';
import { echo, type Row, scene } from './talk.ts';

const ONE = { mac: '02:aa:00:00:00:11', ip: '10.0.0.11' };
const TWO = { mac: '02:aa:00:00:00:12', ip: '10.0.0.12' };
const BRIDGE = { mac: '02:00:00:00:00:01', ip: '10.0.0.1' };

const ROUTER = {
  interfaces: [
    { name: 'veth0', mac: BRIDGE.mac },
    { name: 'veth1', mac: '02:00:00:00:00:02' },
    { name: 'br0', type: 'bridge', ports: ['veth0', 'veth1'], mac: BRIDGE.mac, addresses: [`${BRIDGE.ip}/24`] },
  ],
  neighbours: [
    { dev: 'br0', ip: ONE.ip, mac: ONE.mac },
    { dev: 'br0', ip: TWO.ip, mac: TWO.mac },
  ],
};

const chains = (rule: string): string => `table bridge filter {
	chain prerouting {
		type filter hook prerouting priority -300; policy accept;
		counter
	}
	chain input {
		type filter hook input priority -200; policy accept;
		counter
	}
	chain forward {
		type filter hook forward priority -200; policy accept;
		${rule}
		counter
	}
	chain output {
		type filter hook output priority 200; policy accept;
		counter
	}
}
table ip routed {
	chain forward {
		type filter hook forward priority 0; policy accept;
		counter
	}
	chain input {
		type filter hook input priority 0; policy accept;
		counter
	}
}`;

const between = (from: typeof ONE, to: typeof ONE, device: string, kind: 'request' | 'reply', id = 0x04d20001): Row =>
  echo(kind, device, from.ip, to.ip, { id, link: { src: from.mac, dst: to.mac } });
const rows: Row[] = [
  [
    'veth0',
    ether({ src: ONE.mac, dst: 'ff:ff:ff:ff:ff:ff' }, arp(1, ONE, { mac: '00:00:00:00:00:00', ip: TWO.ip }), 0x0806),
  ],
  ['veth1', ether({ src: TWO.mac, dst: ONE.mac }, arp(2, TWO, ONE), 0x0806)],
  between(ONE, TWO, 'veth0', 'request'),
  between(TWO, ONE, 'veth1', 'reply'),
  between(TWO, ONE, 'veth1', 'request', 0x04d30001),
  between(ONE, TWO, 'veth0', 'reply', 0x04d30001),
  // To the bridge itself, and through it as a router with its own address.
  between(ONE, BRIDGE, 'veth0', 'request', 0x04d40001),
  echo('request', 'veth0', ONE.ip, TWO.ip, { id: 0x04d50001, link: { src: ONE.mac, dst: BRIDGE.mac } }),
];

const one = (name: string, rule: string): KernelScene =>
  scene({ name: `bridge_brouter: ${name}`, router: ROUTER, ruleset: chains(rule), rows });

export const BRIDGE_SELFTESTS: KernelScene[] = [
  one('frames between ports are bridged', ''),
  one('the bridge drops what it would forward, the router does not', 'ip protocol icmp counter drop'),
];
