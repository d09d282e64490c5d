// What a kernel chooses at random is compared up to renaming: source ports that NAT searched for (get_unique_tuple's search
// starts anywhere). Only where the choice is random by nature: the rule says random, the wanted port stands outside of the
// rule's range of ports, or somebody had the wanted port already. Then frames from and to such a port are compared with
// port and checksum blanked, and lines of connections without it. Any other port that differs is a difference.
import { type Endpoints, endpointsAt, endpointsOf, endpointsOfAll, networkOf, quotedIn } from './endpoints.ts';
import type { KernelFrame } from './result.ts';
import type { KernelScene } from './scene.ts';

/** Ports that both chose differently for the same connection: `6 203.0.113.1 48406` (protocol, address, port). */
export type ChosenPorts = ReadonlySet<string>;

/** A side's part of what is compared. */
interface Answer {
  packets: { outputs: KernelFrame[] }[];
  conntrack: string[];
}

/** A connection that NAT gave another source port than its sender's, by both. */
interface Choice {
  protocol: number;
  source: string;
  wanted: number;
  /** Where it is translated to, and whom it goes to. */
  nat: string;
  peer: string;
  kernel: number;
  ours: number;
  /** Of the packet; past all of them when it is known from the list of connections only. */
  at: number;
}

/** The ports that are random by nature. */
export function chosenPorts(scene: KernelScene, kernel: Answer, ours: Answer): ChosenPorts {
  const choices = [...choicesOfFrames(scene, kernel, ours), ...choicesOfConnections(kernel.conntrack, ours.conntrack)];
  if (choices.length === 0) return new Set();
  const nature = natureOf(scene, kernel);
  const chosen = new Set<string>();
  const inherited = new Set<string>();
  for (const choice of choices) {
    const { protocol, source, wanted, nat } = choice;
    // Another connection of the same sender has its port (find_appropriate_src).
    const heir = `${protocol} ${source} ${wanted} ${nat} ${choice.kernel} ${choice.ours}`;
    if (!inherited.has(heir) && !nature(choice)) continue;
    inherited.add(heir);
    chosen.add(`${protocol} ${nat} ${choice.kernel}`).add(`${protocol} ${nat} ${choice.ours}`);
  }
  return chosen;
}

/** Frames of both that differ in the source port, which is the sender's in neither. */
function choicesOfFrames(scene: KernelScene, kernel: Answer, ours: Answer): Choice[] {
  const senders = endpointsOfAll(scene.frames.map((frame) => Buffer.from(frame.octets)));
  return senders.flatMap((came, at) => {
    const theirs = kernel.packets[at]?.outputs ?? [];
    const mine = ours.packets[at]?.outputs ?? [];
    if (came === undefined || theirs.length !== mine.length) return [];
    return theirs.flatMap((row, index): Choice[] => {
      const other = mine[index];
      if (other === undefined || other.device !== row.device || other.hex === row.hex) return [];
      const one = endpointsOf(Buffer.from(row.hex, 'hex'));
      const two = endpointsOf(Buffer.from(other.hex, 'hex'));
      if (one === undefined || two === undefined || one.protocol !== came.protocol) return [];
      if (one.protocol !== two.protocol || one.src !== two.src || peerOf(one) !== peerOf(two)) return [];
      const { protocol, sport: wanted, src: source } = came;
      if ([one.sport, two.sport].includes(wanted) || one.sport === two.sport) return [];
      return [{ protocol, source, wanted, nat: one.src, peer: peerOf(one), kernel: one.sport, ours: two.sport, at }];
    });
  });
}

function peerOf({ dst, dport }: Endpoints): string {
  return `${dst} ${dport}`;
}

/** Connections of both that are the same but for that port. */
function choicesOfConnections(theirs: string[], mine: string[]): Choice[] {
  const ported = (lines: string[]) => lines.map(translated).filter((one) => one !== undefined);
  const left = ported(mine);
  return ported(theirs).flatMap((one): Choice[] => {
    const at = left.findIndex((other) => other.rest === one.rest);
    const other = left[at];
    if (other === undefined) return [];
    left.splice(at, 1);
    const { protocol, source, wanted, nat, peer } = one;
    return other.port === one.port
      ? []
      : [{ protocol, source, wanted, nat, peer, kernel: one.port, ours: other.port, at: Number.MAX_SAFE_INTEGER }];
  });
}

interface Translated {
  protocol: number;
  source: string;
  wanted: number;
  nat: string;
  peer: string;
  port: number;
  /** The line without that port. */
  without: string;
  /** And without what runs. */
  rest: string;
}

/** Of a line of `conntrack -L`, when the port that answers come to is not the sender's. */
function translated(line: string): Translated | undefined {
  const [, , , protocol = ''] = line.trim().split(/\s+/);
  const values = (key: string) => [...line.matchAll(new RegExp(`\\b${key}=(\\S+)`, 'g'))];
  const isEcho = values('id').length === 2;
  const own = values(isEcho ? 'id' : 'sport');
  const answered = values(isEcho ? 'id' : 'dport')[1];
  const source = values('src')[0]?.[1];
  const [peer, nat] = [values('src')[1]?.[1], values('dst')[1]?.[1]];
  const wanted = Number(own[0]?.[1]);
  if (answered === undefined || source === undefined || peer === undefined || nat === undefined) return undefined;
  const port = Number(answered[1]);
  if (port === wanted) return undefined;
  const start = answered.index + answered[0].length - String(answered[1]).length;
  const without = `${line.slice(0, start)}chosen${line.slice(start + String(answered[1]).length)}`;
  const peerPort = isEcho ? '0' : (own[1]?.[1] ?? '');
  return {
    protocol: Number(protocol),
    source,
    wanted,
    nat,
    peer: `${peer} ${peerPort}`,
    port,
    without,
    rest: without.replace(/^(\S+\s+\d+\s+\S+\s+\d+)\s+\d+/, '$1').replace(/\b(use|packets|bytes)=\d+/g, ''),
  };
}

/** Is the port of a choice drawn by lot (nf_nat_l4proto_unique_tuple)? */
function natureOf(scene: KernelScene, kernel: Answer): (choice: Choice) => boolean {
  const statements = scene.ruleset.match(/\b(masquerade|snat|redirect)\b[^\n;]*/g) ?? [];
  const isRandom = statements.some((text) => /\b(fully-)?random\b/.test(text));
  const ranges = statements.flatMap((text) =>
    [...text.matchAll(/:(\d+)-(\d+)\b/g)].map((match) => [Number(match[1]), Number(match[2])] as const),
  );
  const taken = takenPorts(scene, kernel);
  return ({ protocol, wanted, nat, peer, kernel: theirs, ours, at }) => {
    const isTaken = (taken.get(`${protocol} ${nat} ${wanted} ${peer}`) ?? Number.POSITIVE_INFINITY) <= at;
    const range = ranges.find(([low, high]) => [theirs, ours].every((port) => port >= low && port <= high));
    if (range !== undefined && (wanted < range[0] || wanted > range[1])) return true;
    if (!isTaken && !isRandom) return false;
    const isEcho = protocol === 1 || protocol === 58;
    return range !== undefined || isEcho || (classOf(theirs) === classOf(wanted) && classOf(ours) === classOf(wanted));
  };
}

/** Ports are searched for among their likes. */
function classOf(port: number): number {
  return port < 512 ? 0 : port < 1024 ? 1 : 2;
}

/** From which packet on somebody has an address and port towards a peer: `17 203.0.113.1 5000 198.51.100.7 53`. */
function takenPorts(scene: KernelScene, kernel: Answer): Map<string, number> {
  const taken = new Map<string, number>();
  const take = (key: string, at: number): void => {
    if (!taken.has(key)) taken.set(key, at);
  };
  scene.frames.forEach((frame, at) => {
    const came = endpointsOf(Buffer.from(frame.octets));
    if (came !== undefined) take(`${came.protocol} ${came.dst} ${came.dport} ${came.src} ${came.sport}`, at);
    for (const { hex } of kernel.packets[at]?.outputs ?? []) {
      const left = endpointsOf(Buffer.from(hex, 'hex'));
      if (left !== undefined) take(`${left.protocol} ${left.src} ${left.sport} ${peerOf(left)}`, at);
    }
  });
  for (const line of kernel.conntrack) {
    const [, , , protocol = ''] = line.trim().split(/\s+/);
    const [src = '', dst = '', sport = '', dport = ''] =
      line
        .split(/\bsrc=/)[2]
        ?.match(/^(\S+) dst=(\S+) sport=(\d+) dport=(\d+)/)
        ?.slice(1) ?? [];
    if (dst !== '') take(`${protocol} ${dst} ${dport} ${src} ${sport}`, -1);
  }
  return taken;
}

/** A line of `conntrack -L` without its chosen port. */
export function withoutChosenPort(line: string, chosen: ChosenPorts): string {
  const found = chosen.size === 0 ? undefined : translated(line);
  if (found === undefined || !chosen.has(`${found.protocol} ${found.nat} ${found.port}`)) return line;
  return found.without;
}

/**
 * Does an ICMP error from outside quote a port that only one of both chose? It is about a connection of that one, which
 * translates the quotation; the other passes it on as it came.
 */
export function quotesChosenPort(input: Buffer, chosen: ChosenPorts): boolean {
  const network = chosen.size === 0 ? -1 : networkOf(input);
  const quote = network < 0 ? undefined : quotedIn(input, network);
  return quote !== undefined && blankDatagram(Buffer.from(input), quote, chosen);
}

/** Blanks the ports and checksums that an ICMP error quotes, and its own checksum. */
export function blankQuotedPorts(data: Buffer): void {
  const network = networkOf(data);
  const quote = network < 0 ? undefined : quotedIn(data, network);
  const ends = quote === undefined ? undefined : endpointsAt(data, quote);
  if (quote === undefined || ends === undefined) return;
  const every = new Set([`${ends.protocol} ${ends.src} ${ends.sport}`, `${ends.protocol} ${ends.dst} ${ends.dport}`]);
  blankDatagram(data, quote, every);
  data.fill(0, quote - 6, quote - 4);
}

/** Blanks the chosen ports of a frame, quoted ones too, and the checksums that cover them. */
export function blankChosenPorts(data: Buffer, chosen: ChosenPorts): void {
  const network = chosen.size === 0 ? -1 : networkOf(data);
  if (network < 0) return;
  blankDatagram(data, network, chosen);
  const quote = quotedIn(data, network);
  if (quote !== undefined && blankDatagram(data, quote, chosen)) data.fill(0, quote - 6, quote - 4);
}

function blankDatagram(data: Buffer, network: number, chosen: ChosenPorts): boolean {
  const ends = endpointsAt(data, network);
  if (ends === undefined) return false;
  const { protocol, transport, src, sport, dst, dport } = ends;
  const isEcho = protocol === 1 || protocol === 58;
  const from = chosen.has(`${protocol} ${src} ${sport}`);
  const to = chosen.has(`${protocol} ${dst} ${isEcho ? sport : dport}`);
  if (!from && !to) return false;
  if (isEcho) data.fill(0, transport + 4, transport + 6);
  else if (from) data.fill(0, transport, transport + 2);
  if (!isEcho && to) data.fill(0, transport + 2, transport + 4);
  const [at, length] = CHECKSUMS[protocol] ?? [0, 0];
  if (transport + at + length <= data.length) data.fill(0, transport + at, transport + at + length);
  return true;
}

/** Where a protocol's checksum stands in its header, and its length. */
const CHECKSUMS: Record<number, [at: number, length: number]> = {
  1: [2, 2],
  6: [16, 2],
  17: [6, 2],
  33: [6, 2],
  58: [2, 2],
  132: [8, 4],
  136: [6, 2],
};
