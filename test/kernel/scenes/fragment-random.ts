// Fragments of both families drawn by lot: parts of three datagrams in any order, overlapping or not, with pauses, ECN, DF and
// TTL of their own. Each scene has its seed in its name. One IPv6 datagram at a time: timers of a kernel that are over in the same
// two seconds run in an order that depends on its uptime.
import type { KernelScene } from '../../../scripts/kernel/scene.ts';
import { putBe16 } from '../../../src/base/columns.ts';
import { Random } from '../../../src/base/random.ts';
import { part, part6, tracked, whole, whole6 } from './fragment-frames.ts';
import { type Row, spoiled } from './talk.ts';

const PARTS = 45;

function fragments(seed: number): Row[] {
  const random = new Random(5000 + seed);
  const draw = (bound: number): number => random.next() % bound;
  const length = 64 + draw(40) * 8 + draw(8);
  const v4 = [1, 2, 3].map((id) => whole(length, id));
  const v6 = whole6(length);
  const size = length + 8;
  const step = 8 * (1 + draw(4)) * 2;
  const list: Row[] = [];
  let ms = 0;
  for (let i = 0; i < PARTS; i++) {
    ms += draw(25) === 0 ? 35_010 : 5 + draw(60);
    // Mostly parts of one cut, at times any other.
    const isOdd = draw(9) === 0;
    const from = isOdd ? draw(Math.ceil(size / 8)) * 8 : draw(Math.ceil(size / step)) * step;
    const to = Math.min(size, isOdd ? from + 8 * (1 + draw(12)) : from + step);
    const isLast = to === size ? draw(30) > 0 : draw(40) === 0;
    const end = isLast || (to - from) % 8 === 0 || draw(6) === 0 ? to : from + ((to - from) & ~7);
    if (draw(2) === 0) {
      const id = 1 + draw(2);
      const more = { dontFragment: draw(4) === 0, ttl: 20 + draw(3), tos: draw(20) === 0 ? draw(4) : 0 };
      list.push([ms, 'lan0', part(v4[id - 1] ?? v6, from, end, isLast, id, more)]);
    } else {
      const row: Row = [ms, 'lan0', part6(v6, from, end, isLast, 1)];
      const ecn = draw(20) === 0 ? draw(4) : 0;
      list.push(spoiled(row, (data) => putBe16(data, 0, 0x6000 | (ecn << 4))));
    }
  }
  return list;
}

function randomFragmentScenes(count: number, first = 1): KernelScene[] {
  return Array.from({ length: count }, (_, i) =>
    tracked(`random fragments ${first + i}`, fragments(first + i), {}, 100_000),
  );
}

export const RANDOM_FRAGMENT_SCENES: KernelScene[] = randomFragmentScenes(16);
