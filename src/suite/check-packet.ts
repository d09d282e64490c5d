// Expectations of one packet line. Verdicts, paths and frames are of all its packets (x10, fragments); everything else is of
// the last one.
import { REASONS } from '../event/reasons.ts';
import { PATH_CLASSES, VERDICT_CONSUMED, VERDICT_DROP, VERDICTS } from '../packet/packet.ts';
import type { Passage, SentFrame } from '../replay/emulated-router.ts';
import { deciderNames, decidersOf, deciderText, isDecider } from './deciders.ts';
import { dissect } from './dissect.ts';
import { fieldProblem, fieldText, isFieldValue } from './frame-values.ts';
import { icmpWords } from './icmp-words.ts';
import type { Checklist } from './mismatch.ts';
import { bodyWords } from './print-packet.ts';
import { isQuantity, quantityRange } from './quantity.ts';
import type { Meant } from './rule-refs.ts';
import type { Scene } from './scene.ts';
import { CT_STATES, type PacketExpectation, type Quantity } from './schema.ts';
import { datagramOf, isEndpoint, translation } from './translation.ts';

const REJECT = REASONS.findIndex((row) => row.name === 'reject');

/** What happened to a line: one passage a packet, in order; at least one. */
export interface LineRun {
  passages: readonly Passage[];
  last: Passage;
}

/** Checks everything that an expectation names. */
export function checkPacket(expect: PacketExpectation, run: LineRun, scene: Scene, list: Checklist): void {
  const { last, passages } = run;
  if (expect.verdict !== undefined) checkVerdict(expect.verdict, passages, list);
  if (expect.path !== undefined) checkPath(expect.path, passages, list);
  if (expect.reason !== undefined) {
    const reason = REASONS[last.reason]?.name ?? '';
    list.check(reason === expect.reason, ['reason'], expect.reason, reason === '' ? undefined : reason);
  }
  if (expect.rule !== undefined) checkRule(expect.rule, last, scene, list);
  checkRules('matches', expect.matches, last, scene, list);
  checkRules('misses', expect.misses, last, scene, list);
  checkChains(expect.chain, last, scene, list);
  if (expect.out !== undefined) checkOut(expect.out, last, scene, list);
  if (expect.frames !== undefined) {
    checkQuantity(
      expect.frames,
      passages.reduce((sum, row) => sum + row.sent.length, 0),
      ['frames'],
      list,
    );
  }
  if (expect.frame !== undefined) checkFields(expect.frame, 'frame', forwardedFrame(expect, last, scene), list);
  if (expect.nat !== undefined) checkNat(expect.nat, last, list);
  if (expect.answer !== undefined) checkAnswer(expect.answer, last, list);
  if (expect.mark !== undefined) list.check(expect.mark === last.mark >>> 0, ['mark'], expect.mark, last.mark >>> 0);
  if (expect.ct !== undefined) {
    const state = CT_STATES[[0, 1, 2, 3, 4].indexOf(last.ctInfo)] ?? 'invalid';
    list.check(expect.ct === state, ['ct'], expect.ct, state);
  }
  if (expect.offloads !== undefined) {
    const offloads = passages.some((row) => scene.attribution(row).offloads);
    list.check(expect.offloads === offloads, ['offloads'], expect.offloads, offloads);
  }
  if (expect.cycles !== undefined) {
    const cycles = scene.cycles();
    checkQuantity(expect.cycles, Math.round(cycles(last.path, last.wireOctets)), ['cycles'], list);
  }
}

/** A number against a quantity; what is no quantity says so. */
export function checkQuantity(expected: Quantity, actual: number, keys: (string | number)[], list: Checklist): void {
  if (quantityRange(expected) === undefined) {
    list.wrong(keys, expected, "no number or comparison: write 3, '>= 3', '3..5' or '1200 +- 5%'");
  } else {
    list.check(isQuantity(expected, actual), keys, expected, actual);
  }
}

function verdictOf(passage: Passage): string {
  return VERDICTS[passage.verdict] ?? 'drop';
}

function checkVerdict(
  expected: NonNullable<PacketExpectation['verdict']>,
  passages: readonly Passage[],
  list: Checklist,
): void {
  const actual = countsOf(passages.map(verdictOf));
  if (typeof expected === 'object') {
    checkCounts(expected, actual, 'verdict', list);
    return;
  }
  const isMet = passages.every((row, index) => isVerdict(row, expected) || isWaiting(row, index, passages));
  list.check(isMet, ['verdict'], expected, single(actual));
}

function isVerdict(passage: Passage, expected: string): boolean {
  const verdict = verdictOf(passage);
  if (expected === 'accept') return verdict === 'forward' || verdict === 'local';
  if (expected === 'reject') return verdict === 'drop' && passage.reason === REJECT;
  return verdict === expected;
}

/** Fragments wait for the last one. */
function isWaiting(passage: Passage, index: number, passages: readonly Passage[]): boolean {
  return passage.verdict === VERDICT_CONSUMED && index < passages.length - 1;
}

function checkPath(
  expected: NonNullable<PacketExpectation['path']>,
  passages: readonly Passage[],
  list: Checklist,
): void {
  const actual = countsOf(passages.map((row) => PATH_CLASSES[row.pathClass] ?? 'slow'));
  if (typeof expected === 'object') checkCounts(expected, actual, 'path', list);
  else list.check(Object.keys(actual).join() === expected, ['path'], expected, single(actual));
}

function checkCounts(
  expected: Partial<Record<string, Quantity>>,
  actual: Record<string, number>,
  key: string,
  list: Checklist,
): void {
  for (const [name, quantity] of Object.entries(expected)) {
    if (quantity !== undefined) checkQuantity(quantity, actual[name] ?? 0, [key, name], list);
  }
}

function countsOf(names: string[]): Record<string, number> {
  const counts: Record<string, number> = {};
  for (const name of names) counts[name] = (counts[name] ?? 0) + 1;
  return counts;
}

/** One name alone, or all with their counts. */
function single(counts: Record<string, number>): string | Record<string, number> {
  const [first, ...others] = Object.keys(counts);
  return first !== undefined && others.length === 0 ? first : counts;
}

function meant(name: string, keys: (string | number)[], scene: Scene, list: Checklist): Meant | undefined {
  const found = scene.refs.meant(name);
  if (found !== undefined) return found;
  const suggestion = scene.refs.suggestion(name);
  const hint = suggestion === undefined ? '' : ` (did you mean '${suggestion}'?)`;
  list.wrong(keys, name, `no rule of the ruleset is called so${hint}`);
  return undefined;
}

function checkRule(name: string, passage: Passage, scene: Scene, list: Checklist): void {
  const { refs } = scene;
  const deciders = decidersOf(scene, passage);
  const found = refs.meant(name);
  const got = deciderText(refs, deciders);
  const [actual] = deciderNames(refs, deciders);
  if (found !== undefined) {
    list.check(isDecider(found, deciders), ['rule'], name, actual, got);
    return;
  }
  const suggestion = refs.suggestion(name);
  const hint = suggestion === undefined ? '' : ` (did you mean '${suggestion}'?)`;
  list.check(false, ['rule'], name, actual, `${got}; no rule of the ruleset is called '${name}'${hint}`);
}

function checkRules(
  key: 'matches' | 'misses',
  names: string | string[] | undefined,
  passage: Passage,
  scene: Scene,
  list: Checklist,
): void {
  if (names === undefined) return;
  const { matched, missed } = scene.attribution(passage);
  const rows = typeof names === 'string' ? [names] : names;
  rows.forEach((name, index) => {
    const keys = typeof names === 'string' ? [key] : [key, index];
    const found = meant(name, keys, scene, list);
    if (found === undefined) return;
    const didMatch = matched.some((rule) => found.rules.has(rule));
    const wasSeen = didMatch || missed.some((rule) => found.rules.has(rule));
    const isMet = key === 'matches' ? didMatch : !didMatch;
    const got = didMatch
      ? 'it matched'
      : wasSeen
        ? 'it was evaluated and did not match'
        : 'the packet never reached it';
    list.check(isMet, keys, name, undefined, got);
  });
}

function checkChains(names: string | string[] | undefined, passage: Passage, scene: Scene, list: Checklist): void {
  if (names === undefined) return;
  const { chains } = scene.attribution(passage);
  const rows = typeof names === 'string' ? [names] : names;
  rows.forEach((name, index) => {
    const keys = typeof names === 'string' ? ['chain'] : ['chain', index];
    const found = scene.refs.chains(name);
    if (found.size === 0) {
      list.wrong(keys, name, 'the ruleset has no chain of that name');
      return;
    }
    const went = chains.map((chain) => scene.refs.chainName(chain).split(' ').pop());
    const got = went.length === 0 ? 'no chain' : went.join(', ');
    list.check(
      chains.some((chain) => found.has(chain)),
      keys,
      name,
      undefined,
      `it went through ${got}`,
    );
  });
}

function checkOut(expected: string, passage: Passage, scene: Scene, list: Checklist): void {
  const names = [...new Set(passage.sent.map((frame) => frame.interface))];
  const actual = names.length === 0 ? 'none' : names.join(', ');
  if (expected === 'none') {
    list.check(names.length === 0, ['out'], expected, actual);
    return;
  }
  if (scene.router.interfaces.byName(expected) === undefined) {
    list.wrong(['out'], expected, 'the router has no such interface');
    return;
  }
  const lowest = scene.lowest(expected);
  list.check(
    names.some((name) => lowest.has(name)),
    ['out'],
    expected,
    actual,
  );
}

/** The frame that went on: through `out`, when the expectation names it. */
function forwardedFrame(expect: PacketExpectation, passage: Passage, scene: Scene): SentFrame | undefined {
  const lowest = expect.out === undefined ? undefined : scene.lowest(expect.out);
  return passage.sent.find((frame) => lowest === undefined || lowest.has(frame.interface));
}

function checkFields(
  expected: Record<string, string | number>,
  key: string,
  frame: SentFrame | undefined,
  list: Checklist,
): void {
  for (const [name, value] of Object.entries(expected)) {
    const problem = fieldProblem(name, value);
    if (problem !== undefined) list.wrong([key, name], value, problem);
    else if (frame === undefined) list.check(false, [key, name], value, undefined, 'no frame left');
    else {
      const text = fieldText(frame.octets, name);
      const actual = text !== undefined && /^\d{1,15}$/.test(text) ? Number(text) : text;
      list.check(
        isFieldValue(frame.octets, name, value),
        [key, name],
        value,
        actual,
        text ?? 'the frame has no such field',
      );
    }
  }
}

function checkNat(expected: NonNullable<PacketExpectation['nat']>, passage: Passage, list: Checklist): void {
  const before = datagramOf(passage.frame)?.body;
  const frame = passage.verdict === VERDICT_DROP ? undefined : passage.sent[0];
  const after = frame === undefined ? undefined : datagramOf(frame.octets)?.body;
  if (before === undefined || after === undefined) {
    list.check(false, ['nat'], expected, undefined, 'no frame left');
    return;
  }
  const actual = translation(before, after);
  if (expected === 'none' || actual === 'none') {
    list.check(expected === actual, ['nat'], expected, actual);
    return;
  }
  const isMet = isEndpoint(expected.snat, actual.snat) && isEndpoint(expected.dnat, actual.dnat);
  list.check(isMet, ['nat'], expected, actual);
}

function checkAnswer(expected: NonNullable<PacketExpectation['answer']>, passage: Passage, list: Checklist): void {
  const answers = passage.verdict === 0 ? [] : passage.sent;
  if (typeof expected === 'object') {
    checkFields(expected, 'answer', answers[0], list);
    return;
  }
  const actual = answers[0] === undefined ? 'none' : answerText(answers[0].octets);
  const isMet = expected === actual || (expected === 'icmp' && actual.startsWith('icmp'));
  list.check(isMet, ['answer'], expected, actual);
}

/** 'reset', 'icmp port-unreachable', 'icmpv6 echo-reply', 'arp', … */
export function answerText(frame: Uint8Array): string {
  const parts = dissect(frame);
  if (parts === undefined) return 'a frame';
  const { body, fields } = parts;
  if (body.kind !== 'datagram') return body.kind;
  if (body.protocol === 6 && fields.flags?.includes('R')) return 'reset';
  if (body.protocol === 1 || body.protocol === 58) {
    return `${body.protocol === 1 ? 'icmp' : 'icmpv6'} ${icmpWords(body.protocol, fields.type ?? 0, fields.code ?? 0)}`;
  }
  return bodyWords(body);
}
