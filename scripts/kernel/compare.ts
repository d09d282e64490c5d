// Is the emulated router the kernel? Every frame octet for octet, in order, by interface; the path; the trace of the rules;
// counters, quotas and set elements of the ruleset; connections. What a kernel chooses at random is compared up to renaming: identifications
// of datagrams and fragments that the router makes, ports that NAT searched for (renaming.ts).
import { parseRouter } from '../../src/config/router-file.ts';
import type { Emulation } from './emulate.ts';
import { fragmentHeaderOf, networkOf } from './endpoints.ts';
import { changedRows } from './foreign.ts';
import {
  blankChosenPorts,
  blankQuotedPorts,
  type ChosenPorts,
  chosenPorts,
  quotesChosenPort,
  withoutChosenPort,
} from './renaming.ts';
import type { KernelFrame, KernelResult } from './result.ts';
import type { KernelScene } from './scene.ts';

/** Seconds by which what runs with the clock may differ: timeouts, expiries, ages. */
const TIME_SLACK = 2;
/** Hex digits of both addresses of a frame. */
const ADDRESSES_HEX = 24;
/** An element that counts connections. */
const COUNTING = /\{"elem":\{.*"ct count":/;

/** A sentence for each difference; empty: none. */
export function compare(scene: KernelScene, kernel: KernelResult, ours: Emulation): string[] {
  const differences: string[] = [];
  const hasFlowtable = /\bflowtable\b/.test(scene.ruleset);
  const chosen = chosenPorts(scene, kernel, ours);
  const egress = egressChains(kernel.ruleset);
  const tagged = taggedEgressChains(scene);
  const without = (steps: string[], chains: string[]): string[] =>
    steps.filter((step) => !chains.some((name) => step.startsWith(`${name} `)));
  scene.frames.forEach((frame, index) => {
    const theirs = kernel.packets[index];
    const mine = ours.packets[index];
    if (theirs === undefined || mine === undefined) return;
    const input = Buffer.from(frame.octets).toString('hex');
    const found = [
      ...compareFrames(theirs.before, mine.before, '', 'before it ', chosen),
      ...compareFrames(theirs.outputs, mine.outputs, input, '', chosen),
    ];
    // What is no datagram, and what a bridge passes on, is never traced.
    const isDatagram = networkOf(Buffer.from(frame.octets)) >= 0;
    const isBridged = theirs.outputs.some(({ hex }) => hex.startsWith(input.slice(0, ADDRESSES_HEX)));
    const isForwarded = hasFlowtable && theirs.outputs.length > 0 && isDatagram && !isBridged;
    if (isForwarded && mine.isFast === theirs.wasTraced) {
      found.push(theirs.wasTraced ? 'the kernel took the slow path' : 'the kernel took the fast path');
    }
    if (theirs.steps !== undefined) {
      const { outputs } = theirs;
      const untold = outputs.length === 0 ? tagged : outputs.some(isTagged) ? egress : [];
      const told = (steps: string[]): string[] => without(steps, untold);
      found.push(...compareSteps(told(theirs.steps), told(mine.steps)));
    }
    if (found.length > 0) differences.push([`packet ${index} at ${frame.device} ${input}`, ...found].join('\n  '));
  });
  const after = compareFrames(kernel.after, ours.after, '', '', chosen);
  if (after.length > 0) differences.push(['after the last packet', ...after].join('\n  '));
  const state = (rows: Json[]): Row[] => stateOf(scene.isForeign ? changedRows(rows) : rows);
  const left = withoutGivenUp(state(kernel.ruleset), state(ours.ruleset), state(ours.collected));
  differences.push(...compareRows('rules, objects and sets', state(kernel.ruleset), left));
  const connections = (lines: string[]): Row[] => lines.map((line) => renamedConnection(line, chosen));
  differences.push(...compareRows('connections', connections(kernel.conntrack), connections(ours.conntrack)));
  return differences;
}

function compareFrames(
  theirs: KernelFrame[],
  mine: KernelFrame[],
  input: string,
  when: string,
  chosen: ChosenPorts,
): string[] {
  const text = (frames: KernelFrame[]): string[] =>
    byDevice(frames).map((frame) => `${frame.device} ${blanked(frame.hex, input, chosen)}`);
  const kernels = text(theirs);
  const ours = text(mine);
  if (kernels.join('\n') === ours.join('\n')) return [];
  return [...kernels.map((line) => `kernel ${when}${line}`), ...ours.map((line) => `ours   ${when}${line}`)];
}

/** Names of egress chains: of frames with a tag the kernel cannot tell these (nf_trace_fill_ll_header gives up there). */
function egressChains(rows: Json[]): string[] {
  return rows.flatMap((row) => {
    const chain = row.chain as Json | undefined;
    return chain?.hook === 'egress' ? [`${chain.family} ${chain.table} ${chain.name}`] : [];
  });
}

/** Those of devices that VLANs are on: what they drop had a tag, though no frame shows it. */
function taggedEgressChains(scene: KernelScene): string[] {
  if (!/hook egress/.test(scene.ruleset)) return [];
  const links = parseRouter(scene.router, scene.name).interfaces.flatMap((row) =>
    row.type === 'vlan' ? [row.link] : [],
  );
  return scene.ruleset.split(/^table /m).flatMap((table) => {
    const name = /^(\S+ \S+)/.exec(table)?.[1];
    return [...table.matchAll(/chain (\S+) \{\s*type filter hook egress device "?([^" ]+)/g)]
      .filter(([, , device]) => links.includes(device))
      .map(([, chain]) => `${name} ${chain}`);
  });
}

function isTagged({ hex }: KernelFrame): boolean {
  return ['8100', '88a8'].includes(hex.slice(ADDRESSES_HEX, ADDRESSES_HEX + 4));
}

/** From where the rules' traces part. */
function compareSteps(kernels: string[], ours: string[]): string[] {
  const theirs = kernels.map(unnumbered);
  const mine = ours.map(unnumbered);
  if (theirs.join('\n') === mine.join('\n')) return [];
  const same = theirs.findIndex((step, index) => step !== mine[index]);
  const from = same < 0 ? theirs.length : same;
  const rest = (who: string, steps: string[]): string =>
    `${who} traced from step ${from + 1}: ${steps.slice(from).join('; ') || 'nothing'}`;
  return [rest('kernel', theirs), rest('ours  ', mine)];
}

/** The kernel numbers chains in braces as it likes, and nft 1.0.6 does not list what is in them. */
function unnumbered(step: string): string {
  return step.replace(/(__chain)\d+( rule) (of handle )?\d+/, '$1$2').replaceAll(/__chain\d+/g, '__chain');
}

/** The kernel's frames are read from one device after the other. */
function byDevice(frames: KernelFrame[]): KernelFrame[] {
  return [...frames].sort((a, b) => (a.device < b.device ? -1 : a.device > b.device ? 1 : 0));
}

/** Blanks what is random: chosen ports, identifications of datagrams that are not the one that came in. */
function blanked(text: string, input: string, chosen: ChosenPorts): string {
  const data = Buffer.from(text, 'hex');
  const network = networkOf(data);
  if (network < 0) return text;
  if (data[network] === undefined) return text;
  const version = (data[network] as number) >>> 4;
  blankChosenPorts(data, chosen);
  if (quotesChosenPort(Buffer.from(input, 'hex'), chosen)) blankQuotedPorts(data);
  if (version === 4 && network + 20 <= data.length) {
    const came = Buffer.from(input, 'hex');
    const entered = networkOf(came);
    const isSame =
      entered >= 0 && entered + 6 <= came.length && came.readUInt16BE(entered + 4) === data.readUInt16BE(network + 4);
    if (!isSame) {
      data.fill(0, network + 4, network + 6);
      data.fill(0, network + 10, network + 12);
    }
  }
  const fragment = version === 6 ? fragmentHeaderOf(data, network) : undefined;
  if (fragment !== undefined) data.fill(0, fragment + 4, fragment + 8);
  return data.toString('hex');
}

/**
 * Ours without the elements whose `ct count` counts nothing any more: when the collector takes these depends on when the
 * kernel made the set. An element that counts something stays, and so does one that the kernel has.
 */
function withoutGivenUp(theirs: Row[], mine: Row[], collected: Row[]): Row[] {
  const texts = (rows: Row[]): Set<string> => new Set(rows.map((row) => row.text));
  const [inKernel, kept] = [texts(theirs), texts(collected)];
  return mine.filter(({ text }) => !COUNTING.test(text) || inKernel.has(text) || kept.has(text));
}

/** What is left at the end: text that must be the same, and seconds that run with the clock. */
export interface Row {
  text: string;
  seconds: number[];
}

function compareRows(what: string, theirs: Row[], mine: Row[]): string[] {
  const left = [...mine];
  const missing = theirs.filter((row) => {
    const at = left.findIndex((other) => isSame(row, other));
    if (at >= 0) left.splice(at, 1);
    return at < 0;
  });
  if (missing.length === 0 && left.length === 0) return [];
  const line = (who: string, row: Row): string =>
    `${who} ${row.text}${row.seconds.length === 0 ? '' : ` seconds ${row.seconds.join(' ')}`}`;
  const lines = [...missing.map((row) => line('kernel', row)), ...left.map((row) => line('ours  ', row))];
  return [[what, ...lines].join('\n  ')];
}

function isSame(row: Row, other: Row): boolean {
  return (
    row.text === other.text &&
    row.seconds.length === other.seconds.length &&
    row.seconds.every((seconds, index) => Math.abs(seconds - (other.seconds[index] ?? 0)) <= TIME_SLACK)
  );
}

type Json = Record<string, unknown>;

/** Objects that change: their fields that do not say which one it is. */
const OBJECTS = ['counter', 'quota', 'limit', 'ct helper', 'ct timeout', 'secmark', 'synproxy'];
const PLACES = ['family', 'table', 'name', 'handle', 'comment'];
/** Statements that rules keep something in. */
const STATEFUL = ['counter', 'quota', 'limit', 'last', 'ct count'];

/** What a run changes: statements of rules by place, objects, elements of sets. */
export function stateOf(rows: Json[]): Row[] {
  const places = new Map<string, number>();
  return rows.flatMap((row): Row[] => {
    const rule = row.rule as Json | undefined;
    if (rule !== undefined) {
      if (/^__chain\d+$/.test(String(rule.chain))) return [];
      const chain = `${rule.family} ${rule.table} ${rule.chain}`;
      const place = (places.get(chain) ?? 0) + 1;
      places.set(chain, place);
      return (rule.expr as Json[])
        .filter((one) => Object.keys(one).some((kind) => STATEFUL.includes(kind)))
        .map((one) => timedRow(`${chain} rule ${place}`, one));
    }
    const kind = OBJECTS.find((name) => row[name] !== undefined);
    if (kind !== undefined) {
      const object = row[kind] as Json;
      const fields = Object.entries(object).filter(([field]) => !PLACES.includes(field));
      return [timedRow(`${object.family} ${object.table} ${kind} ${object.name}`, Object.fromEntries(fields))];
    }
    const set = (row.set ?? row.map ?? row.meter) as Json | undefined;
    if (set === undefined || !Array.isArray(set.elem)) return [];
    return set.elem.map((element) => timedRow(`${set.family} ${set.table} ${set.name}`, element));
  });
}

/** A value's JSON; what runs with the clock apart: `expires` of elements, `used` of `last` (milliseconds). */
function timedRow(place: string, value: unknown): Row {
  const seconds: number[] = [];
  const text = JSON.stringify(sorted(value), function (this: Json, key, inner: unknown) {
    if (key === 'expires') {
      seconds.push(Number(inner));
      return undefined;
    }
    if (key === 'last' && typeof (inner as Json | null)?.used === 'number') {
      seconds.push(Number((inner as Json).used) / 1000);
      return 'used';
    }
    return inner;
  });
  return { text: `${place} ${text}`, seconds };
}

/** With the members of objects in the order of their names: JSON has none. */
function sorted(value: unknown): unknown {
  if (Array.isArray(value)) return value.map(sorted);
  if (value === null || typeof value !== 'object') return value;
  const entries = Object.entries(value as Json).map(([key, inner]) => [key, sorted(inner)] as const);
  return Object.fromEntries(entries.sort(([a], [b]) => (a < b ? -1 : 1)));
}

function renamedConnection(line: string, chosen: ChosenPorts): Row {
  return connection(withoutChosenPort(line, chosen));
}

/** `ipv4 2 tcp 6 299 ESTABLISHED src=… use=1`: the timeout apart, references left out. */
function connection(line: string): Row {
  const words = line.trim().split(/\s+/);
  const isTimed = /^\d+$/.test(words[4] ?? '');
  const text = words.filter((word, index) => !(isTimed && index === 4) && !/^use=/.test(word)).join(' ');
  return { text, seconds: isTimed ? [Number(words[4])] : [] };
}
