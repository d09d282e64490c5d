// Scenes of `queue` when no program listens in user space.
import type { KernelScene } from '../../../scripts/kernel/scene.ts';
import { ether, ip, tcp, udp } from '../../../src/packet/build.ts';
import { TOPOLOGY } from '../../datapath/scenes.ts';

const LAN = '192.168.1.10';
const SERVER = '198.51.100.7';
const STEP_NS = 20e6;

type Row = [device: string, datagram: Uint8Array];
const ask = (dport: number): Row => [
  'lan0',
  ip({ src: LAN, dst: SERVER }, udp({ sport: 5000, dport }, new Uint8Array(8))),
];
const answer = (sport: number): Row => [
  'wan0',
  ip({ src: SERVER, dst: LAN }, udp({ sport, dport: 5000 }, new Uint8Array(8))),
];
const syn: Row = ['lan0', ip({ src: LAN, dst: SERVER }, tcp({ sport: 40000, dport: 80, flags: 'S' }))];
const toRouter: Row = ['lan0', ip({ src: LAN, dst: '192.168.1.1' }, tcp({ sport: 40000, dport: 80, flags: 'S' }))];

const chain = (hook: string, priority: number, ...rules: string[]): string =>
  `\tchain ${hook}${priority < 0 ? 'early' : priority} {\n\t\ttype filter hook ${hook} priority ${priority}; policy accept;\n\t\t${rules.join('\n\t\t')}\n\t}`;
const table = (...chains: string[]): string => `table inet t {\n${chains.join('\n')}\n}`;

function scene(name: string, ruleset: string, rows: Row[]): KernelScene {
  const frames = rows.map(([device, datagram], i) => ({ device, octets: ether({}, datagram), timeNs: i * STEP_NS }));
  return { name, ruleset, router: JSON.stringify(TOPOLOGY), frames };
}

export const QUEUE_SCENES: KernelScene[] = [
  scene('queue drops when no program listens', table(chain('forward', 0, 'udp dport 53 counter queue', 'counter')), [
    ask(53),
    ask(54),
  ]),
  scene(
    'queue with bypass goes on with the next base chain when no program listens, not with the next rule',
    table(
      chain('forward', 0, 'udp dport 53 counter queue flags bypass to 3', 'counter drop'),
      chain('forward', 10, 'udp dport 53 counter', 'udp dport 54 counter'),
    ),
    [ask(53), ask(54), answer(53), syn],
  ),
  scene(
    'queue in a chain that was jumped to ends the base chain too',
    'table inet t {\n\tchain side {\n\t\tqueue flags bypass to 1\n\t\tcounter drop\n\t}\n\tchain f {\n\t\ttype filter hook forward priority 0; policy drop;\n\t\tudp dport 53 jump side\n\t\tcounter\n\t}\n}',
    [ask(53), ask(54)],
  ),
  scene(
    'a connection whose first packet user space never answered is not confirmed',
    table(chain('forward', 0, 'udp dport 53 counter queue to 1-4 '), chain('postrouting', 0, 'ct state new counter')),
    [ask(53), ask(53), answer(53), ask(54), answer(54)],
  ),
  scene(
    'queue at prerouting, input, output and postrouting drops',
    table(
      chain('prerouting', -300, 'udp dport 1 counter queue'),
      chain('input', 0, 'tcp dport 80 counter queue to 5'),
      chain('output', 0, 'counter queue flags bypass,fanout to 0-3', 'counter drop'),
      chain('postrouting', 0, 'udp dport 2 counter queue'),
    ),
    [ask(1), ask(2), ask(3), toRouter, syn],
  ),
  scene(
    'queue with bypass in a NAT chain leaves the connection without a translation',
    'table ip n {\n\tchain p {\n\t\ttype nat hook postrouting priority 100; policy accept;\n\t\tudp dport 53 counter queue flags bypass to 1\n\t\toifname "wan0" masquerade\n\t}\n}',
    [ask(53), ask(53), answer(53), ask(54)],
  ),
];
