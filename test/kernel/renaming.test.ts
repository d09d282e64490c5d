// Ports that both routers chose differently are the same connection only where the kernel draws them by lot.
import { describe, expect, it } from 'vitest';
import { blankChosenPorts, chosenPorts, withoutChosenPort } from '../../scripts/kernel/renaming.ts';
import type { KernelScene } from '../../scripts/kernel/scene.ts';
import { ether, fragmentIpv4, icmp, ip, udp } from '../../src/packet/build.ts';

const ROUTER = '203.0.113.1';
const SERVER = '198.51.100.7';
const hexOf = (datagram: Uint8Array): string => Buffer.from(ether({}, datagram)).toString('hex');
const question = (src: string, sport: number): Uint8Array => ip({ src, dst: SERVER }, udp({ sport, dport: 53 }));

/** Two hosts ask from the same port; the second one's is chosen by each side. */
function scene(rule: string, hosts: string[]): KernelScene {
  return {
    name: 'ports',
    ruleset: `table ip n {\n\tchain c {\n\t\ttype nat hook postrouting priority 100;\n\t\t${rule}\n\t}\n}`,
    router: '',
    frames: hosts.map((host, i) => ({ device: 'lan0', timeNs: i * 1e6, octets: ether({}, question(host, 5000)) })),
  };
}

function answer(ports: number[]): { packets: { outputs: { device: string; hex: string }[] }[]; conntrack: string[] } {
  return {
    packets: ports.map((port) => ({ outputs: [{ device: 'wan0', hex: hexOf(question(ROUTER, port)) }] })),
    conntrack: ports.map(
      (port, i) =>
        `ipv4     2 udp      17 29 src=192.168.1.1${i} dst=${SERVER} sport=5000 dport=53 [UNREPLIED] src=${SERVER} dst=${ROUTER} sport=53 dport=${port} mark=0 use=1`,
    ),
  };
}

const LARGE = new Uint8Array(1000);
const one = ['192.168.1.10'];
const two = ['192.168.1.10', '192.168.1.11'];

describe('a port that NAT chose is compared up to renaming', () => {
  it.each([
    ['by a random rule', 'masquerade random', one, [40_000], [50_000]],
    ['by a fully random rule', 'snat to 203.0.113.1 fully-random', one, [40_000], [50_000]],
    ['where somebody has the wanted one', 'masquerade', two, [5000, 40_000], [5000, 50_000]],
    ['where the wanted one is outside of the range', 'masquerade to :2000-2999', one, [2001], [2777]],
  ])('%s', (_name, rule, hosts, theirs, mine) => {
    const chosen = chosenPorts(scene(rule, hosts), answer(theirs), answer(mine));
    expect([...chosen].sort()).toEqual([theirs.at(-1), mine.at(-1)].map((port) => `17 ${ROUTER} ${port}`).sort());
  });

  it('where a later fragment lets the datagram out', () => {
    const asked = scene('masquerade random', one);
    const [first, last] = fragmentIpv4(
      ip({ src: '192.168.1.10', dst: SERVER }, udp({ sport: 5000, dport: 53 }, LARGE)),
      600,
    );
    const frames = [first, last].map((piece = LARGE, i) => ({ device: 'lan0', timeNs: i, octets: ether({}, piece) }));
    const late = (port: number) => ({ packets: [{ outputs: [] }, ...answer([port]).packets], conntrack: [] });
    expect(chosenPorts({ ...asked, frames }, late(40_000), late(50_000)).size).toBe(2);
  });

  it.each([
    ['when the wanted one is free', 'masquerade', one, [40_000], [50_000]],
    ['when one side keeps the wanted one', 'masquerade random', one, [5000], [50_000]],
    ['when a port is not of the wanted one’s class', 'masquerade random', one, [40_000], [600]],
    ['when a port is outside of the range', 'masquerade to :2000-2999', one, [2001], [3001]],
  ])('but not %s', (_name, rule, hosts, theirs, mine) => {
    expect(chosenPorts(scene(rule, hosts), answer(theirs), answer(mine))).toEqual(new Set());
  });

  it('is blanked in frames with its checksum, in quotations of ICMP errors too, and left out of connections', () => {
    const chosen = new Set([`17 ${ROUTER} 40000`, `17 ${ROUTER} 50000`]);
    const blank = (datagram: Uint8Array): string => {
      const data = Buffer.from(hexOf(datagram), 'hex');
      blankChosenPorts(data, chosen);
      return data.toString('hex');
    };
    const error = (port: number): Uint8Array =>
      ip({ src: SERVER, dst: '198.51.100.8' }, icmp(3, 3, 0, question(ROUTER, port)));
    expect(blank(question(ROUTER, 40_000))).toBe(blank(question(ROUTER, 50_000)));
    expect(blank(error(40_000))).toBe(blank(error(50_000)));
    expect(blank(question(ROUTER, 40_001))).toBe(hexOf(question(ROUTER, 40_001)));
    const [line = ''] = answer([40_000]).conntrack;
    expect(withoutChosenPort(line, chosen)).toContain('sport=53 dport=chosen mark=0');
  });
});
