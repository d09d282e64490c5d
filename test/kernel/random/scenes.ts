// Random scenes of the second generation: any router, any ruleset, conversations that answer what reached them.
import type { KernelScene } from '../../../scripts/kernel/scene.ts';
import { Draw } from './draw.ts';
import { randomRuleset } from './rulesets.ts';
import { TOPOLOGIES, type Topology } from './topologies.ts';
import { randomFrames } from './traffic.ts';
import { Wire } from './wire.ts';

/** Scene number `seed`, always the same as long as the emulated router is. */
export function randomScene(seed: number): KernelScene {
  const draw = new Draw(seed);
  const topology = draw.pick(TOPOLOGIES);
  const ruleset = randomRuleset(draw, topology);
  const wanMtu = topology.name === 'pppoe' ? 1492 : draw.oneIn(4) ? draw.pick([1400, 1280, 1492]) : 1500;
  const router = JSON.stringify(routerOf(draw, topology, wanMtu));
  const frames = randomFrames(draw, topology, new Wire(ruleset.text, router), wanMtu);
  return { name: `random2 ${seed}: ${ruleset.parts.join(', ')}`, ruleset: ruleset.text, router, frames };
}

function routerOf(draw: Draw, topology: Topology, wanMtu: number): object {
  const interfaces = topology.router.interfaces.map((row) =>
    'name' in row && row.name === topology.wan ? { ...row, mtu: wanMtu } : row,
  );
  const neighbours = topology.hosts
    .filter((host) => host.net !== 'wan')
    .flatMap((host) => {
      const dev = host.net === 'dmz' ? topology.dmz : topology.lan;
      return [host.v4, host.v6].map((ip) => ({ dev, ip, mac: host.mac }));
    });
  const sysctl = Object.fromEntries(
    SYSCTLS.filter(() => draw.oneIn(7)).map(([name, values]) => [name, draw.pick(values)]),
  );
  sysctl['net.netfilter.nf_conntrack_acct'] = draw.below(2);
  return {
    ...topology.router,
    interfaces,
    neighbours: [...topology.router.neighbours, ...neighbours],
    sysctl,
  };
}

const SYSCTLS: [string, number[]][] = [
  ['net.netfilter.nf_conntrack_tcp_loose', [0]],
  ['net.netfilter.nf_conntrack_tcp_be_liberal', [1]],
  ['net.netfilter.nf_conntrack_tcp_max_retrans', [1, 2]],
  ['net.netfilter.nf_conntrack_tcp_ignore_invalid_rst', [1]],
  ['net.netfilter.nf_conntrack_checksum', [0]],
  ['net.netfilter.nf_conntrack_udp_timeout', [5, 10]],
  ['net.netfilter.nf_conntrack_udp_timeout_stream', [10, 20]],
  ['net.netfilter.nf_conntrack_icmp_timeout', [5]],
  ['net.netfilter.nf_conntrack_tcp_timeout_syn_sent', [10]],
  ['net.netfilter.nf_conntrack_tcp_timeout_established', [60, 100]],
  ['net.netfilter.nf_conntrack_generic_timeout', [20]],
  ['net.ipv4.conf.all.rp_filter', [1, 2]],
  ['net.ipv4.icmp_echo_ignore_all', [1]],
  ['net.ipv4.icmp_echo_ignore_broadcasts', [0]],
  ['net.ipv4.ip_default_ttl', [99]],
  ['net.ipv4.icmp_errors_use_inbound_ifaddr', [1]],
  ['net.ipv4.conf.all.accept_local', [1]],
];
