// The matchers: each takes a router and a packet line that it sends, or a packet that was sent. What a failure shows: what
// was expected, what came, and the packet's walk.
import { visible } from '../report/format.ts';
import { TraceText } from '../report/trace-text.ts';
import type { PacketExpectation } from '../suite/schema.ts';
import { TestRouter, type TriedPacket } from '../suite/test-router.ts';
import type { Translation } from '../suite/translation.ts';
import { stringify } from '../suite/value-text.ts';

export interface MatcherResult {
  pass: boolean;
  message: () => string;
  expected?: unknown;
  actual?: unknown;
}

/** For expect.extend(). */
export const matchers = {
  toAccept: (received: unknown, packet?: string) => fares('toAccept', received, packet, { verdict: 'accept' }),
  toDrop: (received: unknown, packet?: string) => fares('toDrop', received, packet, { verdict: 'drop' }),
  toDropWith: (received: unknown, packetOrRule: string, rule?: string) =>
    fares('toDropWith', received, rule === undefined ? undefined : packetOrRule, {
      verdict: 'drop',
      rule: rule ?? packetOrRule,
    }),
  toForwardTo: (received: unknown, packetOrInterface: string, name?: string) =>
    fares('toForwardTo', received, name === undefined ? undefined : packetOrInterface, {
      verdict: 'forward',
      out: name ?? packetOrInterface,
    }),
  toTranslate: (received: unknown, packetOrNat: string | Translation, nat?: 'none' | Translation) => {
    const wanted = nat ?? packetOrNat;
    const packet = nat === undefined ? undefined : (packetOrNat as string);
    return fares('toTranslate', received, packet, { nat: wanted as NonNullable<PacketExpectation['nat']> });
  },
  toOffload,
  toFare: (received: unknown, packetOrExpectation: string | PacketExpectation, expectation?: PacketExpectation) => {
    const isPacket = typeof packetOrExpectation === 'string';
    return fares(
      'toFare',
      received,
      isPacket ? packetOrExpectation : undefined,
      isPacket ? (expectation ?? {}) : packetOrExpectation,
    );
  },
};

function fares(name: string, received: unknown, packet: string | undefined, expect: PacketExpectation): MatcherResult {
  const { router, tried } = sent(name, received, packet);
  const mismatches = router.check(tried, expect);
  const pass = mismatches.length === 0;
  const rows = mismatches.map(
    (row) => `  ${row.keys.join('.')}\n    expected  ${row.expected}\n    got       ${row.got}`,
  );
  return {
    pass,
    message: () =>
      visibleLines([
        `expect(router).${pass ? 'not.' : ''}${name}: ${tried.line}`,
        '',
        ...(pass ? [`  it did: ${stringify(expect)}`] : rows),
        '',
        walkText(router, tried),
      ]),
  };
}

/** Sends what is to be sent, and says which packet is meant. */
function sent(name: string, received: unknown, packet: string | undefined): { router: TestRouter; tried: TriedPacket } {
  if (received instanceof TestRouter) {
    const tried = packet === undefined ? received.last : received.send(packet);
    if (tried === undefined) throw new TypeError(`${name}: no packet was sent to the router yet, and none is named`);
    return { router: received, tried };
  }
  const tried = received as TriedPacket;
  if (typeof received !== 'object' || received === null || !Array.isArray(tried.passages)) {
    throw new TypeError(`${name}: expect() needs a router of createRouter(), or what its send() returned`);
  }
  const { router } = tried;
  if (packet !== undefined) throw new TypeError(`${name}: give the packet to the router's send()`);
  return { router, tried };
}

/** The connection is opened, answered, and carries data both ways: the last packet of each way must go fast. */
function toOffload(received: unknown, packet?: string): MatcherResult {
  if (!(received instanceof TestRouter) || packet === undefined) {
    const { router, tried } = sent('toOffload', received, packet);
    const pass = tried.path !== 'slow';
    return {
      pass,
      message: () =>
        visibleLines([
          `expect(packet).${pass ? 'not.' : ''}toOffload: ${tried.line}`,
          '',
          `  path ${tried.path}`,
          '',
          walkText(router, tried),
        ]),
    };
  }
  const first = received.send(packet);
  const [out] = first.out;
  const again = packet.replace(/ (S|SA|x\d+)(?= |$)/g, '').replace(/^[+@]?[\d.]+\w* /, '');
  const isTcp = /< tcp /.test(packet);
  const rows = [first];
  if (out !== undefined && first.verdict === 'forward') {
    rows.push(received.send(`${out} < reply`));
    rows.push(received.send(again));
    rows.push(received.send(`${again}${isTcp ? ' PA' : ''} len 100`));
    rows.push(received.send(`${out} < reply len 100`));
  }
  const slow = rows.length < 5 ? first : rows.slice(-2).find((row) => row.path === 'slow');
  const pass = slow === undefined;
  return {
    pass,
    message: () =>
      visibleLines([
        `expect(router).${pass ? 'not.' : ''}toOffload: ${packet}`,
        '',
        ...rows.map((row) => `  ${row.line}: ${row.verdict}, ${row.path} path`),
        '',
        ...(slow === undefined ? [] : [walkText(received, slow)]),
      ]),
  };
}

/** As `nftreplay trace` prints it. */
export function walkText(router: TestRouter, { walk }: TriedPacket): string {
  return walk === undefined ? '' : new TraceText({ ruleset: router.ruleset }).walk(walk).trimEnd();
}

function visibleLines(lines: string[]): string {
  return lines
    .flatMap((row) => row.split('\n'))
    .map(visible)
    .join('\n');
}
