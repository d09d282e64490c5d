// Routers, frames and rulesets of the scenes of the bridge, arp and netdev families.
import type { KernelScene } from '../../../scripts/kernel/scene.ts';
import { icmp, type ip, tcp, udp } from '../../../src/packet/build.ts';
import { nft, padded, SERVER, type Sent, steps, way } from './interface.ts';

export const A = '02:aa:00:00:00:01';
export const B = '02:aa:00:00:00:02';
export const C = '02:aa:00:00:00:03';
export const BRIDGE = '02:00:00:00:00:0b';
export const WAN = '02:00:00:00:00:02';
export const EVERYBODY = 'ff:ff:ff:ff:ff:ff';
export const payload = (length: number): Uint8Array => Uint8Array.from({ length }, (_, i) => (i * 11 + 5) & 255);

export const ROUTER = `
strictMac: true
interfaces:
  - { name: lan0, mac: "02:00:00:00:00:01" }
  - { name: lan1, mac: "02:00:00:00:00:03" }
  - { name: lan2, mac: "02:00:00:00:00:04" }
  - { name: wan0, mac: "02:00:00:00:00:02", addresses: [203.0.113.1/24, "2001:db8:2::1/64"] }
  - { name: mon0, mac: "02:00:00:00:00:05" }
  - { name: br0, type: bridge, ports: [lan0, lan1, lan2], mac: "02:00:00:00:00:0b", addresses: [10.20.0.1/24, "fd00:20::1/64"] }
routes:
  - { dst: 0.0.0.0/0, via: 203.0.113.254, dev: wan0 }
  - { dst: "::/0", via: "2001:db8:2::fe", dev: wan0 }
neighbours:
  - { dev: br0, ip: 10.20.0.5, mac: "02:aa:00:00:00:01" }
  - { dev: br0, ip: 10.20.0.6, mac: "02:aa:00:00:00:02" }
`;
/** A host of the VLAN device of a plain router. */
export const PLAIN = `
interfaces:
  - { name: lan0, mac: "02:00:00:00:00:01", addresses: [192.168.1.1/24, "fd00:1::1/64"] }
  - { name: lan1, mac: "02:00:00:00:00:03", addresses: [192.168.2.1/24] }
  - { name: wan0, mac: "02:00:00:00:00:02", addresses: [203.0.113.1/24, "2001:db8:2::1/64"] }
  - { name: mon0, mac: "02:00:00:00:00:05" }
  - { name: lan0.10, type: vlan, link: lan0, id: 10, mac: "02:00:00:00:00:01", addresses: [10.10.0.1/24] }
routes:
  - { dst: 0.0.0.0/0, via: 203.0.113.254, dev: wan0 }
  - { dst: "::/0", via: "2001:db8:2::fe", dev: wan0 }
`;

export interface More {
  tag?: number;
  priority?: number;
}
/** A frame from `src` to `dst` at a port, by the addresses 10.20.0.x. */
export const at = (device: string, src: string, dst: string, { tag, priority = 0 }: More = {}) =>
  way(device, { src, dst, ...(tag === undefined ? {} : { vlans: [{ id: tag, priority }] }) });
export const ask = (dport = 53, length = 20) => udp({ sport: 5000, dport }, payload(length));
export const ping = icmp(8, 0, 0x00010001, payload(20));
export const syn = (dport: number) => tcp({ sport: 40000, dport, flags: 'S', seq: 1, window: 64000 });
export const HELLO: Sent[] = [
  at('lan0', A, EVERYBODY)('10.20.0.5', '10.20.0.255', ask(9)),
  at('lan1', B, EVERYBODY)('10.20.0.6', '10.20.0.255', ask(9)),
];
export const a2b = (layer4: Parameters<typeof ip>[1], fields = {}, more: More = {}) =>
  at('lan0', A, B, more)('10.20.0.5', '10.20.0.6', layer4, fields);
export const b2a = (layer4: Parameters<typeof ip>[1], fields = {}, more: More = {}) =>
  at('lan1', B, A, more)('10.20.0.6', '10.20.0.5', layer4, fields);
export const up = (layer4: Parameters<typeof ip>[1], fields = {}) =>
  at('lan0', A, BRIDGE)('10.20.0.5', SERVER, layer4, fields);
export const down = (layer4: Parameters<typeof ip>[1], fields = {}) =>
  at('wan0', C, WAN)(SERVER, '10.20.0.5', layer4, fields);

export const hex = (text: string): Uint8Array => Uint8Array.from(Buffer.from(text.replaceAll(/[\s:]/g, ''), 'hex'));
/** ARP: operation 1 asks, 2 answers. */
export function arp(operation: number, from: [mac: string, ip: string], to: [mac: string, ip: string]): Uint8Array {
  const address = (text: string): string =>
    text
      .split('.')
      .map((part) => Number(part).toString(16).padStart(2, '0'))
      .join('');
  return hex(`0001 0800 06 04 000${operation} ${from[0]} ${address(from[1])} ${to[0]} ${address(to[1])}`);
}
export const arpFrame = (device: string, dst: string, body: Uint8Array): Sent => [
  device,
  padded(hex(`${dst}${Buffer.from(body.subarray(8, 14)).toString('hex')}0806${Buffer.from(body).toString('hex')}`)),
];
export const NOBODY = '00:00:00:00:00:00';
export const raw = (device: string, text: string): Sent => [device, padded(hex(text))];

export const scene = (
  name: string,
  ruleset: string,
  frames: Sent[],
  router = ROUTER,
  untraced: string[] = [],
): KernelScene => ({
  name,
  router,
  ruleset: nft(ruleset),
  frames: steps(frames),
  ...(untraced.length === 0 ? {} : { untraced }),
});
export const bridge = (...chains: string[]): string =>
  `table bridge b {\n${chains
    .map((text, i) => {
      const [head = '', ...lines] = text.split('; ');
      const [hook = '', priority = '0', policy = 'accept'] = head.split(' ');
      return `\tchain ${hook}${i} { type filter hook ${hook} priority ${priority}; policy ${policy};\n\t\t${lines.join('\n\t\t')}\n\t}\n`;
    })
    .join('')}}\n`;
