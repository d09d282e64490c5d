// Segments of one TCP connection and packets of one SCTP association drawn by lot near what is right: numbers around the windows, all
// kinds of flags, options, pauses. Each scene has its seed in its name.
import type { KernelScene } from '../../../scripts/kernel/scene.ts';
import { Random } from '../../../src/base/random.ts';
import { tcp } from '../../../src/packet/build.ts';
import { type Chunk, init, sctpOf } from './sctp-chunks.ts';
import { bytes, type Row, STATES, scene, V4 } from './talk.ts';

const SEGMENTS = 70;
const FLAGS = ['S', 'S', 'SA', 'SA', 'A', 'A', 'A', 'PA', 'PA', 'FA', 'FA', 'R', 'RA', 'F', 'SEC', 'AU'];
const CT = 'net.netfilter.nf_conntrack_tcp_';

/** A whole number below `bound`. */
type Draw = (bound: number) => number;

function drawOf(seed: number): Draw {
  const random = new Random(seed);
  return (bound) => random.next() % bound;
}

/** What each side has sent, and what of it the other has acknowledged. */
function segments(draw: Draw): Row[] {
  const sent = [1000 + draw(3) * 2_147_483_000, 5000];
  const list: Row[] = [];
  let ms = 0;
  const opening = ['S', 'SA', 'A'];
  for (let i = 0; i < SEGMENTS; i++) {
    ms += draw(12) === 0 ? draw(4) * 20_010 : draw(300) + 5;
    const side = i < 3 && draw(6) > 0 ? i % 2 : draw(2);
    const flags = i < 3 && draw(6) > 0 ? (opening[i] ?? 'A') : (FLAGS[draw(FLAGS.length)] ?? 'A');
    const n = flags.startsWith('S') ? 0 : draw(3) * 100;
    const strayed = (from: number): number => {
      const far = draw(10);
      const by = far < 6 ? 0 : far < 8 ? draw(41) - 20 : far === 8 ? draw(40_000) - 20_000 : draw(2 ** 31);
      return (from + by) >>> 0;
    };
    const seq = strayed(sent[side] ?? 0);
    const ack = flags.includes('A') ? strayed(sent[1 - side] ?? 0) : 0;
    const options = optionsOf(draw, flags, ack);
    const window = [0, 1, 500, 8000, 8000, 8000, 65_535][draw(7)] ?? 8000;
    const fields = { seq, ack, flags, window, ...(options.length > 0 ? { options: Uint8Array.from(options) } : {}) };
    const segment = tcp({ sport: side === 0 ? 40_000 : 80, dport: side === 0 ? 80 : 40_000, ...fields }, bytes(n));
    list.push(side === 0 ? V4.send(ms, segment) : V4.reply(ms, segment));
    const taken = n + (flags.includes('S') || flags.includes('F') ? 1 : 0);
    if (seq === sent[side] && !flags.includes('R')) sent[side] = (seq + taken) >>> 0;
    else if (flags.startsWith('S') && draw(2) === 0) sent[side] = (seq + 1) >>> 0;
    if (flags === 'S' && draw(3) === 0) sent[side] = draw(2 ** 31);
  }
  return list;
}

function optionsOf(draw: Draw, flags: string, ack: number): number[] {
  if (flags.startsWith('S'))
    return [[], [1, 3, 3, draw(16)], [1, 1, 4, 2], [1, 3, 3, draw(16), 1, 1, 4, 2]][draw(4)] ?? [];
  if (draw(6) > 0) return [];
  const edge = (by: number): number[] => {
    const value = (ack + by) >>> 0;
    return [value >>> 24, (value >>> 16) & 255, (value >>> 8) & 255, value & 255];
  };
  const from = draw(400) - 200;
  return [1, 1, 5, 10, ...edge(from), ...edge(from + draw(200))];
}

const CHUNKS = [0, 1, 1, 2, 2, 3, 4, 5, 6, 7, 8, 9, 10, 10, 11, 11, 14];

function chunksOf(draw: Draw): Row[] {
  const { to, from } = sctpOf(V4);
  const tags = [0, 0xaa, 0xbb, 0xcc];
  const opening: Row[] = [
    to(0, 0, init(1, 0xaa)),
    from(10, 0xaa, init(2, 0xbb)),
    to(20, 0xbb, [10, 0, [1, 2, 3, 4]]),
    from(30, 0xaa, [11]),
  ];
  const list = opening.slice(0, draw(5));
  let ms = 100;
  for (let i = 0; i < 40; i++) {
    ms += draw(15) === 0 ? draw(5) * 1010 : draw(200) + 5;
    const isOut = draw(2) === 0;
    const one = (): Chunk => {
      const type = CHUNKS[draw(CHUNKS.length)] ?? 0;
      return type === 1 || type === 2
        ? init(type, tags[draw(4)] ?? 0)
        : [type, draw(4) === 0 ? 1 : 0, [0, 0, 0, draw(9)]];
    };
    const right = isOut ? 0xbb : 0xaa;
    const first = one();
    const tag = draw(4) === 0 ? (tags[draw(4)] ?? 0) : first[0] === 1 ? 0 : right;
    const chunks = draw(5) === 0 ? [first, one()] : [first];
    list.push(isOut ? to(ms, tag, ...chunks) : from(ms, tag, ...chunks));
  }
  return list;
}

function randomConnectionScenes(count: number, first = 1): KernelScene[] {
  const seeds = Array.from({ length: count }, (_, i) => first + i);
  return [
    ...seeds.map((seed) =>
      scene(
        `tcp: random segments ${seed}`,
        STATES,
        segments(drawOf(seed)),
        [
          {},
          { [`${CT}be_liberal`]: 1 },
          { [`${CT}loose`]: 0 },
          { [`${CT}max_retrans`]: 1, [`${CT}ignore_invalid_rst`]: 1 },
        ][seed % 4],
      ),
    ),
    ...seeds.map((seed) => scene(`sctp: random chunks ${seed}`, STATES, chunksOf(drawOf(1000 + seed)))),
  ];
}
export const RANDOM_CONNECTION_SCENES: KernelScene[] = randomConnectionScenes(16);
