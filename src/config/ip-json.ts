// Rows of `ip -j route show table all`, `ip -j rule` and `ip -j neigh` (iproute2: iproute.c, iprule.c, ipneigh.c) as a
// router file has them.

interface Hop {
  gateway?: string;
  via?: { family: string; host: string };
  dev?: string;
  weight?: number;
  flags?: string[];
}

export interface RouteRow extends Hop {
  type?: string;
  dst?: string;
  table?: string | number;
  protocol?: string;
  scope?: string;
  prefsrc?: string;
  metric?: number;
  metrics?: { mtu?: number }[];
  pref?: string;
  encap?: string;
  nexthops?: Hop[];
}

export interface RuleRow {
  priority?: number;
  not?: null;
  src?: string;
  srclen?: number;
  dst?: string;
  dstlen?: number;
  tos?: string;
  dscp?: string;
  fwmark?: string;
  fwmask?: string;
  iif?: string;
  oif?: string;
  ipproto?: string;
  sport?: number;
  sport_start?: number;
  sport_end?: number;
  dport?: number;
  dport_start?: number;
  dport_end?: number;
  table?: string | number;
  suppress_prefixlen?: number;
  suppress_ifgroup?: string;
  goto?: number | string;
  nop?: null;
  action?: string;
  l3mdev?: null;
  uid_start?: number;
  tun_id?: number;
}

export interface NeighbourRow {
  dst?: string;
  dev?: string;
  lladdr?: string;
  /** `["REACHABLE"]`. */
  state?: string[];
}

type Input = Record<string, unknown>;

/** What the kernel makes from addresses is left to them. */
const FROM_ADDRESSES = new Set(['local', 'broadcast', 'multicast', 'anycast']);
const TYPES = new Set(['unicast', 'blackhole', 'unreachable', 'prohibit', 'throw']);

/** Routes of the router file; `known` are its interfaces, `notes` gets a sentence for each route that is left out. */
export function routesOf(rows: RouteRow[], known: Set<string>, notes: string[]): Input[] {
  return rows.flatMap((row) => {
    const type = row.type ?? 'unicast';
    const isConnected = row.protocol === 'kernel' && (row.scope === 'link' || row.pref !== undefined) && !row.gateway;
    if (FROM_ADDRESSES.has(type) || isConnected || row.dev === 'lo') return [];
    const hops = (row.nexthops ?? [row]).filter(
      (hop) => !hop.flags?.some((flag) => flag === 'dead' || flag === 'linkdown'),
    );
    const text = `route ${row.dst ?? '?'}${row.table === undefined ? '' : ` table ${row.table}`}`;
    const why = refusal(row, type, hops, known);
    if (why !== undefined) {
      notes.push(`${text} is left out: ${why}`);
      return [];
    }
    return [routeOf(row, type, hops)];
  });
}

function refusal(row: RouteRow, type: string, hops: Hop[], known: Set<string>): string | undefined {
  if (row.dst === undefined || !TYPES.has(type)) return `routes of type ${type} are not modelled`;
  if (type !== 'unicast') return undefined;
  if (row.encap !== undefined) return `encapsulation (${row.encap}) is not modelled`;
  if (hops.length === 0) return 'its link is down';
  if (hops.some((hop) => hop.via !== undefined)) return 'its gateway is of another family';
  const missing = hops.find((hop) => hop.dev !== undefined && !known.has(hop.dev));
  return missing === undefined ? undefined : `${missing.dev} is down or unknown`;
}

function routeOf(row: RouteRow, type: string, hops: Hop[]): Input {
  const isV6 = row.pref !== undefined || [row.dst, row.gateway, row.prefsrc].some((text) => text?.includes(':'));
  const { dst = '' } = row;
  const prefix = dst === 'default' ? (isV6 ? '::/0' : '0.0.0.0/0') : dst;
  const mtu = row.metrics?.find((metric) => metric.mtu !== undefined)?.mtu;
  const hop = (one: Hop): Input => ({
    ...(one.gateway === undefined ? {} : { via: one.gateway }),
    ...(one.dev === undefined ? {} : { dev: one.dev }),
  });
  const [only] = hops;
  return {
    dst: prefix.includes('/') ? prefix : `${prefix}/${isV6 ? 128 : 32}`,
    type,
    ...(type !== 'unicast' || only === undefined
      ? {}
      : hops.length === 1
        ? hop(only)
        : { nexthops: hops.map((one) => ({ ...hop(one), weight: one.weight ?? 1 })) }),
    ...(row.metric === undefined ? {} : { metric: row.metric }),
    ...(mtu === undefined ? {} : { mtu }),
    ...(row.prefsrc === undefined ? {} : { src: row.prefsrc }),
    ...(row.table === undefined || row.table === 'main' ? {} : { table: row.table }),
  };
}

/** Policy rules; the kernel's own three are left to it. `notes` gets a sentence for each that is left out. */
export function rulesOf(rows: RuleRow[], family: 'ip' | 'ip6', notes: string[]): Input[] {
  return rows.flatMap((row) => {
    const priority = row.priority ?? 0;
    if (isKernels(row)) return [];
    const strange = (['l3mdev', 'uid_start', 'tun_id'] as const).find((key) => row[key] !== undefined);
    if (strange !== undefined) {
      notes.push(`rule ${priority} is left out: it asks for ${strange}, which is not modelled`);
      return [];
    }
    if (row.suppress_ifgroup !== undefined) notes.push(`rule ${priority}: suppress_ifgroup is not modelled`);
    return [{ priority, family, ...selectors(row), ...consequence(row) }];
  });
}

function isKernels(row: RuleRow): boolean {
  const selects = Object.keys(row).some((key) => !['priority', 'src', 'table', 'protocol'].includes(key));
  const kernels: Record<number, string> = { 0: 'local', 32766: 'main', 32767: 'default' };
  return !selects && row.src === 'all' && kernels[row.priority ?? -1] === row.table;
}

function selectors(row: RuleRow): Input {
  const prefix = (address: string | undefined, length: number | undefined): string | undefined =>
    address === undefined || address === 'all' ? undefined : length === undefined ? address : `${address}/${length}`;
  const ports = (one?: number, low?: number, high?: number): string | undefined =>
    one !== undefined ? String(one) : low === undefined ? undefined : `${low}-${high}`;
  const fwmark =
    row.fwmark === undefined ? undefined : `${row.fwmark}${row.fwmask === undefined ? '' : `/${row.fwmask}`}`;
  const all: Input = {
    not: row.not === undefined ? undefined : true,
    from: prefix(row.src, row.srclen),
    to: prefix(row.dst, row.dstlen),
    tos: row.tos,
    fwmark,
    iif: row.iif,
    oif: row.oif,
    ipproto: row.ipproto,
    sport: ports(row.sport, row.sport_start, row.sport_end),
    dport: ports(row.dport, row.dport_start, row.dport_end),
    suppress_prefixlength: row.suppress_prefixlen,
  };
  return Object.fromEntries(Object.entries(all).filter(([, value]) => value !== undefined));
}

function consequence(row: RuleRow): Input {
  if (typeof row.goto === 'number') return { goto: row.goto };
  if (row.goto !== undefined || row.nop !== undefined) return { action: 'nop' };
  if (row.action !== undefined) return { action: row.action };
  return { table: row.table ?? 'main' };
}

/** Neighbours whose address is known, and those who did not answer when the router asked. */
export function neighboursOf(rows: NeighbourRow[], known: Set<string>): Input[] {
  return rows.flatMap(({ dst, dev, lladdr, state }): Input[] => {
    if (dst === undefined || dev === undefined || !known.has(dev)) return [];
    if (Array.isArray(state) && (state.includes('FAILED') || state.includes('INCOMPLETE'))) {
      return [{ dev, ip: dst, state: 'failed' }];
    }
    return /^([0-9a-f]{2}:){5}[0-9a-f]{2}$/i.test(lladdr ?? '') ? [{ dev, ip: dst, mac: lladdr }] : [];
  });
}
