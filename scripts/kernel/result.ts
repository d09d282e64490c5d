// What the kernel did, from what the guest emitted.
import type { GuestRun } from './machine.ts';
import { TRACE_TABLE } from './scene.ts';

export interface KernelFrame {
  device: string;
  hex: string;
}

/** A step of a packet's walk, as the kernel's trace tells it. */
export interface KernelStep {
  type: 'rule' | 'return' | 'policy';
  table: string;
  chain: string;
  /** Of the rule. */
  handle?: number;
  verdict: string;
}

export interface KernelPacket {
  /** When it was really sent: nanoseconds since the first. */
  timeNs: number;
  outputs: KernelFrame[];
  /** Frames that left before it, because of time. */
  before: KernelFrame[];
  steps: KernelStep[];
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
export function sceneResult(run: GuestRun, index: number, name: string): KernelResult {
  const text = (section: string): string => Buffer.from(run.sections.get(`${index}.${section}`) ?? []).toString('utf8');
  const errors = text('errors');
  if (!/^status 0$/m.test(errors)) throw new Error(`${name}: ${errors.trim() || 'the guest said nothing'}`);
  const { packets, after } = parseReplay(text('replay'));
  return {
    kernel: run.kernel,
    packets,
    after,
    ruleset: listedRuleset(text('ruleset')),
    conntrack: text('conntrack').split('\n').filter(Boolean),
  };
}

/** The router's own chatter about neighbours and groups is not judged: ARP requests, ND, redirects, MLD. */
function isChatter(hex: string): boolean {
  const type = hex.slice(24, 28);
  if (type === '0806') return hex.slice(40, 44) === '0001';
  if (type !== '86dd') return false;
  const next = hex.slice(40, 42);
  // MLD reports stand behind a hop-by-hop header.
  if (next === '00') return hex.slice(108, 110) === '3a';
  const icmpType = hex.slice(108, 110);
  return next === '3a' && ['85', '87', '89', '8f'].includes(icmpType);
}

function parseReplay(text: string): { packets: KernelPacket[]; after: KernelFrame[] } {
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
      readTrace(Buffer.from(first, 'hex'), current);
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
const TYPES = ['', 'policy', 'return', 'rule'] as const;
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

function readTrace(octets: Buffer, packet: KernelPacket): void {
  for (let at = 0; at + 20 <= octets.length; ) {
    const length = octets.readUInt32LE(at);
    if (length < 20) return;
    const attributes = readAttributes(octets.subarray(at + 20, at + length));
    at += (length + 3) & ~3;
    const type = TYPES[attributes.get(TYPE)?.readUInt32BE(0) ?? 0];
    const table = name(attributes.get(TABLE));
    if (table === TRACE_TABLE) packet.wasTraced = true;
    if (type === undefined || type === '' || table === TRACE_TABLE) continue;
    const handle = attributes.get(RULE_HANDLE);
    // The end of a chain looks like a rule without a handle.
    if (type === 'rule' && handle === undefined) continue;
    const verdict = attributes.get(VERDICT);
    const code = verdict === undefined ? undefined : readAttributes(verdict).get(1)?.readInt32BE(0);
    const policy = attributes.get(POLICY)?.readUInt32BE(0);
    packet.steps.push({
      type,
      table,
      chain: name(attributes.get(CHAIN)),
      ...(handle === undefined ? {} : { handle: Number(handle.readBigUInt64BE(0)) }),
      verdict: VERDICTS[(type === 'policy' ? policy : code) ?? -1] ?? '',
    });
  }
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
