// TCP of the random traffic: from the handshake to the end, with what goes wrong on the way.
import { tcp } from '../../../src/packet/build.ts';
import { synOptions } from './datagrams.ts';
import { pattern } from './draw.ts';
import type { Shot, Sides, Talk } from './talk.ts';

interface Side {
  /** The next octet to send. */
  next: number;
  window: number;
}

/** A connection. */
export function* tcpTalk(sides: Sides): Talk {
  const { draw } = sides.stage;
  const near = draw.oneIn(5);
  const client: Side = { next: near ? 0xffffff00 : draw.word(), window: draw.pick([8000, 65_535, 500]) };
  const server: Side = { next: draw.word(), window: draw.pick([8000, 65_535, 0]) };
  const options = draw.oneIn(2) ? { options: synOptions(draw) } : {};

  const out = (flags: string, length = 0, shift = 0): Shot =>
    sides.out(segment(sides.ends, flags, client, server, length, shift));
  const back = (flags: string, length = 0, shift = 0): Shot | undefined =>
    sides.back((ends) => segment(ends, flags, server, client, length, shift));
  const segment = (
    ends: { sport: number; dport: number },
    flags: string,
    from: Side,
    to: Side,
    length: number,
    shift: number,
  ) => {
    const bytes = tcp(
      {
        sport: ends.sport,
        dport: ends.dport,
        seq: (from.next + shift) >>> 0,
        ack: flags.includes('A') ? to.next : 0,
        flags,
        window: from.window,
        ...(flags.includes('S') ? options : {}),
      },
      pattern(length, 65),
    );
    const counts = (flags.includes('S') ? 1 : 0) + (flags.includes('F') ? 1 : 0);
    if (shift === 0) from.next = (from.next + length + counts) >>> 0;
    return bytes;
  };
  const pause = (shot: Shot): Shot => (draw.oneIn(9) ? { ...shot, seconds: draw.pick(PAUSES) } : shot);

  if (!draw.oneIn(7)) {
    const first = out('S');
    sides.note(yield first);
    if (draw.oneIn(4)) sides.note(yield pause(first));
    if (draw.oneIn(12)) yield* maybe(back('S'));
    if (draw.oneIn(9)) {
      yield* maybe(back('RA'));
      if (draw.oneIn(2)) return;
    }
    yield* maybe(back('SA'));
    if (!draw.oneIn(8)) sides.note(yield out('A'));
  }
  let last: Shot | undefined;
  for (let left = draw.below(7); left > 0; left--) {
    const isOut = draw.oneIn(2);
    const send = isOut ? out : back;
    const shot = odd(send, last) ?? send(draw.pick(['PA', 'PA', 'A', 'PAU']), draw.pick([1, 20, 100, 536, 1380]));
    if (shot === undefined) continue;
    last = shot;
    sides.note(yield pause(shot));
    if (draw.oneIn(2)) yield* maybe((isOut ? back : out)('A'));
  }
  yield* ending();

  function odd(send: typeof out | typeof back, before: Shot | undefined): Shot | undefined {
    switch (draw.below(14)) {
      case 0:
        return before;
      case 1:
        return send('PA', 30, draw.pick([-5000, 100_000, 0x40000000, -0x50000000, 3000]));
      case 2:
        return send('R', 0, draw.pick([0, 1, 5000, -1]));
      case 3:
        return send('A', 0, -1);
      case 4:
        return send(draw.pick(['SF', '', 'FPU', 'SR', 'SA', 'S']));
      default:
        return undefined;
    }
  }

  function* ending(): Talk {
    const [one, other] = draw.oneIn(2) ? [out, back] : [back, out];
    const kind = draw.below(5);
    if (kind === 0) return;
    if (kind === 1) {
      yield* maybe(one(draw.pick(['R', 'RA'])));
      if (draw.oneIn(2)) yield* maybe(other('A', 10));
    } else {
      yield* maybe(one('FA'));
      if (draw.oneIn(2)) yield* maybe(other('A'));
      if (draw.oneIn(3)) yield* maybe(other('PA', 50));
      yield* maybe(other('FA'));
      if (!draw.oneIn(4)) yield* maybe(one('A'));
    }
    if (!draw.oneIn(3)) return;
    // The same ports again.
    client.next = draw.oneIn(2) ? (client.next + 100_000) >>> 0 : draw.word();
    yield { ...out('S'), seconds: draw.pick([0, 3, 12, 125]) };
    yield* maybe(back('SA'));
    yield* maybe(out('A'));
  }

  function* maybe(shot: Shot | undefined): Talk {
    if (shot !== undefined) sides.note(yield shot);
  }
}

/** Whole seconds, around the timeouts of netfilter. */
export const PAUSES = [1, 1, 1, 2, 2, 3, 4, 7, 12, 12, 21, 35, 64, 95, 125, 185, 310];
