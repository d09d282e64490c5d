// The connection table at the end of both replays: what monitoring reads there (packets, bytes, state, timeout) and how
// offload changes it. Lines are those of `conntrack -L -o extended`.
import type { ConntrackLine } from '../../replay/result.ts';

/** A connection whose line differs. */
export interface ChangedConnection {
  off: string;
  on: string;
  /** Packets of both directions, when conntrack counts. */
  packetsOff: number | undefined;
  packetsOn: number | undefined;
  /** Seconds that it has left; absent: the line of an offloaded connection has none. */
  secondsOff: number | undefined;
  secondsOn: number | undefined;
}

export interface ConnectionChanges {
  /** Connections that both tables hold. */
  common: number;
  /** Counted packets differ. */
  counted: ChangedConnection[];
  /** Left with less, or more, time by at least ten seconds, or in another state. */
  shorter: number;
  longer: number;
  states: number;
  marks: number;
  onlyOff: number;
  onlyOn: number;
  example: ChangedConnection | undefined;
}

const MAX_EXAMPLES = 20;
const NOTICEABLE_SECONDS = 10;

/** Lays the tables side by side by the addresses and ports of the original direction. */
export function connectionChanges(off: ConntrackLine[], on: ConntrackLine[]): ConnectionChanges {
  const changes: ConnectionChanges = {
    common: 0,
    counted: [],
    shorter: 0,
    longer: 0,
    states: 0,
    marks: 0,
    onlyOff: 0,
    onlyOn: 0,
    example: undefined,
  };
  const others = new Map(on.map((row) => [identity(row.line), row.line]));
  for (const { line } of off) {
    const key = identity(line);
    const other = others.get(key);
    if (other === undefined) {
      changes.onlyOff++;
      continue;
    }
    others.delete(key);
    changes.common++;
    compare(changes, line, other);
  }
  changes.onlyOn = others.size;
  return changes;
}

function compare(changes: ConnectionChanges, off: string, on: string): void {
  if (off === on) return;
  const row: ChangedConnection = {
    off,
    on,
    packetsOff: counted(off),
    packetsOn: counted(on),
    secondsOff: seconds(off),
    secondsOn: seconds(on),
  };
  if (row.packetsOff !== row.packetsOn && changes.counted.length < MAX_EXAMPLES) changes.counted.push(row);
  if (row.secondsOff !== undefined && row.secondsOn !== undefined) {
    if (row.secondsOn + NOTICEABLE_SECONDS <= row.secondsOff) {
      changes.shorter++;
      changes.example ??= row;
    }
    if (row.secondsOn >= row.secondsOff + NOTICEABLE_SECONDS) changes.longer++;
    if (state(off) !== state(on)) changes.states++;
  }
  if (field(off, 'mark') !== field(on, 'mark')) changes.marks++;
}

/** Protocol and the original direction: 'tcp src=… dst=… sport=… dport=…'. */
function identity(line: string): string {
  const words = line.split(/\s+/);
  const from = words.findIndex((word) => word.startsWith('src='));
  const until = words.findIndex((word, at) => at > from && (word.startsWith('packets=') || word.startsWith('src=')));
  const rest = words.slice(from, until < 0 ? undefined : until).filter((word) => !word.startsWith('['));
  const zone = words.filter((word) => word.startsWith('zone'));
  return [words[0], words[2], ...rest, ...zone].join(' ');
}

function counted(line: string): number | undefined {
  const found = [...line.matchAll(/ packets=(\d+)/g)];
  return found.length === 0 ? undefined : found.reduce((sum, match) => sum + Number(match[1]), 0);
}

function seconds(line: string): number | undefined {
  const word = line.split(/\s+/)[4] ?? '';
  return /^\d+$/.test(word) ? Number(word) : undefined;
}

function state(line: string): string {
  const word = line.split(/\s+/)[5] ?? '';
  return word.includes('=') ? '' : word;
}

function field(line: string, name: string): string | undefined {
  return line.split(/\s+/).find((word) => word.startsWith(`${name}=`));
}
