// What the kernel did, from what the guest emitted.
import { parseRouter } from '../../src/config/router-file.ts';
import type { GuestRun } from './machine.ts';
import { type KernelScene, TRACE_TABLE } from './scene.ts';

export interface KernelFrame {
  device: string;
  hex: string;
}

export interface KernelPacket {
  /** When it was really sent: nanoseconds since the first. */
  timeNs: number;
  outputs: KernelFrame[];
  /** Frames that left before it, because of time. */
  before: KernelFrame[];
  /**
   * What its rules did, as the kernel traced it: 'inet filter forward rule 2 jump side' (by place in the chain),
   * 'inet filter side end', 'inet filter forward policy drop'. Those of packets that the router made about it too.
   * Absent: not kept.
   */
  steps?: string[];
  /** It came past prerouting: not on the flowtable's fast path. */
  wasTraced: boolean;
  /** Why it could not be sent. */
  error?: string;
}

export interface KernelResult {
  kernel: string;
  packets: KernelPacket[];
  /** Frames that left after the last packet. */
  after: KernelFrame[];
  /** `nft -j list ruleset` without the judge's own table. */
  ruleset: Record<string, unknown>[];
  /** Lines of `conntrack -L -o extended`. */
  conntrack: string[];
}

/** The result of scene number `index`. Throws an Error with what the guest said when the scene could not be set up. */
export function sceneResult(run: GuestRun, index: number, scene: KernelScene): KernelResult {
  const text = (section: string): string => Buffer.from(run.sections.get(`${index}.${section}`) ?? []).toString('utf8');
  const errors = text('errors');
  if (!/^status 0$/m.test(errors)) throw new Error(`${scene.name}: ${errors.trim() || 'the guest said nothing'}`);
  const ruleset = [...listedRuleset(text('ruleset')), ...listedRuleset(text('meters'))];
  const { packets, after } = parseReplay(text('replay'), rulePlaces(ruleset), chatterOf(scene));
  return {
    kernel: run.kernel,
    packets,
    after,
    ruleset,
    conntrack: text('conntrack').split('\n').filter(Boolean),
  };
}

/**
 * The router's own chatter about neighbours and groups is not judged: ARP requests and solicitations (unless somebody is
 * asked for in vain), router discovery, MLD.
 */
function chatterOf(scene: KernelScene): (hex: string) => boolean {
  const spec = parseRouter(scene.router, scene.name);
  const own = new Set(spec.interfaces.map((row) => row.mac.replaceAll(':', '')));
  const isSilent = spec.silentNeighbours !== undefined;
  return (hex) => own.has(hex.slice(12, 24)) && isSmallTalk(hex, isSilent);
}

function isSmallTalk(hex: string, isJudged: boolean): boolean {
  const type = hex.slice(24, 28);
  if (type === '0806') return !isJudged && hex.slice(40, 44) === '0001';
  if (type !== '86dd') return false;
  const next = hex.slice(40, 42);
  // MLD reports stand behind a hop-by-hop header.
  if (next === '00') return hex.slice(108, 110) === '3a';
  // What is forwarded has a smaller hop limit.
  if (hex.slice(42, 44) !== 'ff') return false;
  const icmpType = hex.slice(108, 110);
  return next === '3a' && ['85', ...(isJudged ? [] : ['87']), '8f'].includes(icmpType);
}

/** Places of rules in their chains, from 1, by family, table, chain and handle. */
function rulePlaces(ruleset: Record<string, unknown>[]): Map<string, number> {
  const places = new Map<string, number>();
  const lengths = new Map<string, number>();
  for (const { rule } of ruleset as { rule?: Record<string, unknown> }[]) {
    if (rule === undefined) continue;
    const chain = `${rule.family} ${rule.table} ${rule.chain}`;
    const place = (lengths.get(chain) ?? 0) + 1;
    lengths.set(chain, place);
    places.set(`${chain} ${rule.handle}`, place);
  }
  return places;
}

function parseReplay(
  text: string,
  places: ReadonlyMap<string, number>,
  isChatter: (hex: string) => boolean,
): { packets: KernelPacket[]; after: KernelFrame[] } {
  const packets: KernelPacket[] = [];
  let between: KernelFrame[] = [];
  let current: KernelPacket | undefined;
  for (const line of text.split('\n')) {
    const [kind, first = '', second = ''] = line.split(' ');
    if (kind === 'A') {
      current = undefined;
    } else if (kind === 'P') {
      current = { timeNs: Number(second), outputs: [], before: between, steps: [], wasTraced: false };
      between = [];
      packets.push(current);
    } else if (kind === 'O' && !isChatter(second)) {
      (current?.outputs ?? between).push({ device: first, hex: second });
    } else if (kind === 'E' && current !== undefined) {
      current.error = line.slice(2);
    } else if (kind === 'T' && current !== undefined) {
      readTrace(Buffer.from(first, 'hex'), current, places);
    }
  }
  return { packets, after: between };
}

// Netlink attributes of a trace message (enum nft_trace_attributes of linux/netfilter/nf_tables.h).
const TABLE = 1;
const CHAIN = 2;
const RULE_HANDLE = 3;
const TYPE = 4;
const VERDICT = 5;
const POLICY = 16;
const VERDICT_CODE = 1;
const VERDICT_CHAIN = 2;
/** NFT_TRACETYPE_POLICY; the others are of rules and of the ends of chains. */
const TYPE_POLICY = 1;
const FAMILIES: Record<number, string> = { 1: 'inet', 2: 'ip', 3: 'arp', 5: 'netdev', 7: 'bridge', 10: 'ip6' };
const VERDICTS: Record<number, string> = {
  0: 'drop',
  1: 'accept',
  2: 'stolen',
  3: 'queue',
  [-1]: 'continue',
  [-2]: 'break',
  [-3]: 'jump',
  [-4]: 'goto',
  [-5]: 'return',
};
/** Chains of the judge's table behind the flowtable. */
const SLOW_HOOKS = ['prerouting', 'output'];

function readTrace(octets: Buffer, packet: KernelPacket, places: ReadonlyMap<string, number>): void {
  for (let at = 0; at + 20 <= octets.length; ) {
    const length = octets.readUInt32LE(at);
    if (length < 20) return;
    const attributes = readAttributes(octets.subarray(at + 20, at + length));
    const family = FAMILIES[octets[at + 16] ?? 0] ?? '';
    at += (length + 3) & ~3;
    const table = name(attributes.get(TABLE));
    const chain = name(attributes.get(CHAIN));
    if (table !== TRACE_TABLE) packet.steps?.push(stepText(`${family} ${table} ${chain}`, attributes, places));
    else if (family === 'inet' && SLOW_HOOKS.includes(chain)) packet.wasTraced = true;
  }
}

function stepText(chain: string, attributes: Map<number, Buffer>, places: ReadonlyMap<string, number>): string {
  if (attributes.get(TYPE)?.readUInt32BE(0) === TYPE_POLICY) {
    return `${chain} policy ${verdictName(attributes.get(POLICY)?.readUInt32BE(0) ?? 0)}`;
  }
  const handle = attributes.get(RULE_HANDLE)?.readBigUInt64BE(0);
  if (handle === undefined) return `${chain} end`;
  const verdict = readAttributes(attributes.get(VERDICT) ?? Buffer.alloc(0));
  const target = verdict.has(VERDICT_CHAIN) ? ` ${name(verdict.get(VERDICT_CHAIN))}` : '';
  const place = places.get(`${chain} ${handle}`) ?? `of handle ${handle}`;
  return `${chain} rule ${place} ${verdictName(verdict.get(VERDICT_CODE)?.readInt32BE(0) ?? 0)}${target}`;
}

/** The upper half of a verdict says more, such as a queue's number. */
function verdictName(code: number): string {
  return VERDICTS[code < 0 ? code : code & 0xff] ?? String(code);
}

function readAttributes(octets: Buffer): Map<number, Buffer> {
  const found = new Map<number, Buffer>();
  for (let at = 0; at + 4 <= octets.length; ) {
    const length = octets.readUInt16LE(at);
    if (length < 4) break;
    found.set(octets.readUInt16LE(at + 2) & 0x3fff, octets.subarray(at + 4, at + length));
    at += (length + 3) & ~3;
  }
  return found;
}

function name(octets: Buffer | undefined): string {
  return octets?.toString('utf8').replace(/\0.*$/s, '') ?? '';
}

function listedRuleset(text: string): Record<string, unknown>[] {
  const rows = (JSON.parse(text || '{"nftables":[]}') as { nftables: Record<string, Record<string, unknown>>[] })
    .nftables;
  return rows.filter((row) =>
    Object.entries(row).every(
      ([kind, value]) =>
        kind !== 'metainfo' && value.table !== TRACE_TABLE && !(kind === 'table' && value.name === TRACE_TABLE),
    ),
  );
}
