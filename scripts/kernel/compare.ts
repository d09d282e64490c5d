// Is the emulated router the kernel? Every frame octet for octet, in order, by interface; the path; the trace of the rules;
// counters, quotas and set elements of the ruleset; connections. What a kernel chooses at random is compared up to renaming: identifications
// of datagrams and fragments that the router makes, ports that NAT searched for (renaming.ts).
import type { Emulation } from './emulate.ts';
import { blankChosenPorts, chosenPort } from './renaming.ts';
import type { KernelFrame, KernelResult } from './result.ts';
import type { KernelScene } from './scene.ts';

/** Seconds by which timeouts may differ. */
const TIMEOUT_SLACK = 2;

/** A sentence for each difference; empty: none. */
export function compare(scene: KernelScene, kernel: KernelResult, ours: Emulation): string[] {
  const differences: string[] = [];
  const hasFlowtable = /\bflowtable\b/.test(scene.ruleset);
  const chosen = chosenPorts(kernel.conntrack, ours.conntrack);
  scene.frames.forEach((frame, index) => {
    const theirs = kernel.packets[index];
    const mine = ours.packets[index];
    if (theirs === undefined || mine === undefined) return;
    const input = Buffer.from(frame.octets).toString('hex');
    const found = [
      ...compareFrames(theirs.before, mine.before, '', 'before it ', chosen),
      ...compareFrames(theirs.outputs, mine.outputs, input, '', chosen),
    ];
    const isForwarded = hasFlowtable && theirs.outputs.length > 0;
    if (isForwarded && mine.isFast === theirs.wasTraced) {
      found.push(theirs.wasTraced ? 'the kernel took the slow path' : 'the kernel took the fast path');
    }
    if (theirs.steps !== undefined) found.push(...compareSteps(theirs.steps, mine.steps));
    if (found.length > 0) differences.push([`packet ${index} at ${frame.device} ${input}`, ...found].join('\n  '));
  });
  differences.push(...compareLists('rules and sets', stateOf(kernel.ruleset), stateOf(ours.ruleset)));
  differences.push(...compareConnections(kernel.conntrack, ours.conntrack, chosen));
  return differences;
}

/** Ports that the kernel and the emulated router chose differently for the same connection; empty: none. */
function chosenPorts(theirs: string[], mine: string[]): Set<string> {
  const chosen = new Set<string>();
  const ports = (lines: string[]) =>
    lines.map((line) => chosenPort(connection(line).text)).filter((one) => one !== undefined);
  const left = ports(mine);
  for (const one of ports(theirs)) {
    const at = left.findIndex((other) => other.text === one.text);
    const other = left[at];
    if (other === undefined) continue;
    left.splice(at, 1);
    if (other.at !== one.at) chosen.add(one.at).add(other.at);
  }
  return chosen;
}

function compareFrames(
  theirs: KernelFrame[],
  mine: KernelFrame[],
  input: string,
  when: string,
  chosen: ReadonlySet<string>,
): string[] {
  const text = (frames: KernelFrame[]): string[] =>
    byDevice(frames).map((frame) => `${frame.device} ${blanked(frame.hex, input, chosen)}`);
  const kernels = text(theirs);
  const ours = text(mine);
  if (kernels.join('\n') === ours.join('\n')) return [];
  return [...kernels.map((line) => `kernel ${when}${line}`), ...ours.map((line) => `ours   ${when}${line}`)];
}

/** From where the rules' traces part. */
function compareSteps(theirs: string[], mine: string[]): string[] {
  if (theirs.join('\n') === mine.join('\n')) return [];
  const same = theirs.findIndex((step, index) => step !== mine[index]);
  const from = same < 0 ? theirs.length : same;
  const rest = (who: string, steps: string[]): string =>
    `${who} traced from step ${from + 1}: ${steps.slice(from).join('; ') || 'nothing'}`;
  return [rest('kernel', theirs), rest('ours  ', mine)];
}

/** The kernel's frames are read from one device after the other. */
function byDevice(frames: KernelFrame[]): KernelFrame[] {
  return [...frames].sort((a, b) => (a.device < b.device ? -1 : a.device > b.device ? 1 : 0));
}

/** Blanks what is random: chosen ports, identifications of datagrams that are not the one that came in. */
function blanked(text: string, input: string, chosen: ReadonlySet<string>): string {
  const data = Buffer.from(text, 'hex');
  const network = networkOf(data);
  if (network < 0) return text;
  if (data[network] === undefined) return text;
  const version = (data[network] as number) >>> 4;
  blankChosenPorts(data, network, chosen);
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
  if (version === 6 && network + 48 <= data.length && data[network + 6] === 44)
    data.fill(0, network + 44, network + 48);
  return data.toString('hex');
}

/** Offset of the datagram of an Ethernet frame, behind tags; -1: no IP. */
function networkOf(data: Buffer): number {
  let at = 12;
  while (at + 2 <= data.length && [0x8100, 0x88a8].includes(data.readUInt16BE(at))) at += 4;
  if (at + 2 > data.length) return -1;
  const type = data.readUInt16BE(at);
  return type === 0x0800 || type === 0x86dd ? at + 2 : -1;
}

type Json = Record<string, unknown>;

/** What a run changes: counters of rules by place, objects, elements of sets that rules fill. */
function stateOf(rows: Json[]): string[] {
  const places = new Map<string, number>();
  return rows.flatMap((row) => {
    const rule = row.rule as Json | undefined;
    if (rule !== undefined) {
      const chain = `${rule.family} ${rule.table} ${rule.chain}`;
      const place = (places.get(chain) ?? 0) + 1;
      places.set(chain, place);
      return (rule.expr as Json[]).flatMap((one) => statefulText(one, `${chain} rule ${place}`));
    }
    const counter = (row.counter ?? row.quota) as Json | undefined;
    if (counter !== undefined) {
      const { packets, bytes, used } = counter;
      return [`${counter.family} ${counter.table} ${counter.name} ${JSON.stringify({ packets, bytes, used })}`];
    }
    const set = (row.set ?? row.map) as Json | undefined;
    if (set === undefined) return [];
    return elementTexts(set.elem).map((text) => `${set.family} ${set.table} ${set.name} ${text}`);
  });
}

function statefulText(expression: Json, place: string): string[] {
  const counter = expression.counter as Json | null | undefined;
  if (counter && typeof counter === 'object' && counter.packets !== undefined) {
    return [`${place} counter ${counter.packets} ${counter.bytes}`];
  }
  const quota = expression.quota as Json | undefined;
  return quota?.used === undefined ? [] : [`${place} quota used ${quota.used} ${quota.used_unit ?? ''}`];
}

/** Elements without the times that run. */
function elementTexts(elements: unknown): string[] {
  if (!Array.isArray(elements)) return [];
  return elements
    .map((element) => JSON.stringify(element, (key, value) => (key === 'expires' ? undefined : value)))
    .sort();
}

function compareLists(what: string, theirs: string[], mine: string[]): string[] {
  const missing = without(theirs, mine);
  const extra = without(mine, theirs);
  if (missing.length === 0 && extra.length === 0) return [];
  return [[what, ...missing.map((line) => `kernel ${line}`), ...extra.map((line) => `ours   ${line}`)].join('\n  ')];
}

function without(lines: string[], others: string[]): string[] {
  const left = [...others];
  return lines.filter((line) => {
    const at = left.indexOf(line);
    if (at >= 0) left.splice(at, 1);
    return at < 0;
  });
}

/** Lines of conntrack -L, timeouts within TIMEOUT_SLACK. */
function compareConnections(theirs: string[], mine: string[], chosen: ReadonlySet<string>): string[] {
  const renamed = (line: string) => {
    const found = connection(line);
    const port = chosenPort(found.text);
    return port !== undefined && chosen.has(port.at) ? { ...found, text: port.text } : found;
  };
  const left = mine.map(renamed);
  const missing: string[] = [];
  for (const line of theirs.map(renamed)) {
    const at = left.findIndex(
      (other) => other.text === line.text && Math.abs(other.timeout - line.timeout) <= TIMEOUT_SLACK,
    );
    if (at >= 0) left.splice(at, 1);
    else missing.push(`${line.text} timeout ${line.timeout}`);
  }
  if (missing.length === 0 && left.length === 0) return [];
  const extra = left.map((line) => `ours   ${line.text} timeout ${line.timeout}`);
  return [['connections', ...missing.map((line) => `kernel ${line}`), ...extra].join('\n  ')];
}

/** `ipv4 2 tcp 6 299 ESTABLISHED src=… use=1`: the timeout apart, references left out. */
function connection(line: string): { text: string; timeout: number } {
  const words = line.trim().split(/\s+/);
  const timeout = /^\d+$/.test(words[4] ?? '') ? Number(words[4]) : 0;
  const text = words.filter((word, index) => index !== 4 || !/^\d+$/.test(word)).filter((word) => !/^use=/.test(word));
  return { text: text.join(' '), timeout };
}
