// A measured load of one's own router: '450Mbit cpu=63 offload=software size=1514', or the same as keys in a YAML file.
import type { z as Zod } from 'zod';
import { ConfigError } from '../base/errors.ts';
import { onDemand, zod } from '../base/on-demand.ts';
import { parseYaml, readText } from '../base/yaml-file.ts';

export interface CalibrationPoint {
  /** As given, to name it. */
  text: string;
  /** Of everything that the router receives, both directions. */
  rate: { packetsPerSecond: number } | { bitsPerSecond: number };
  /** Part of all processors that was busy, 0 … 1 (Linux's percent of all of them). */
  busy: number;
  offload: 'as-ruled' | 'off' | 'software' | 'hardware';
  /** Octets on the wire of the packets, instead of the capture's: each size by so many of `packets`. */
  sizes?: readonly PacketSize[];
}

export interface PacketSize {
  octets: number;
  packets: number;
}

/** Mixes of sizes that testers name; frames without their checksum, as captures have them; imix: 7 to 4 to 1 (RFC 6985). */
const MIXES: Readonly<Record<string, readonly PacketSize[]>> = {
  '64B': [{ octets: 60, packets: 1 }],
  imix: [
    { octets: 60, packets: 7 },
    { octets: 590, packets: 4 },
    { octets: 1514, packets: 1 },
  ],
  '1500B': [{ octets: 1514, packets: 1 }],
};

const OFFLOADS = ['as-ruled', 'off', 'software', 'hardware'] as const;
const UNITS: Readonly<Record<string, number>> = { '': 1, k: 1e3, M: 1e6, G: 1e9 };
const MAX_FILE_OCTETS = 1024 * 1024;
const HOW =
  "is RATE cpu=PERCENT [offload=off|software|hardware] [size=OCTETS|64B|imix|1500B], e.g. '450Mbit cpu=63 offload=software'";

/** The point that a text of the command line means. Throws ConfigError. */
export function parsePoint(text: string, place = '--point'): CalibrationPoint {
  const [rate = '', ...rest] = text.trim().split(/\s+/);
  const fail = (why: string): never => {
    throw new ConfigError(place, text.slice(0, 100), why);
  };
  const match = /^(\d+(?:\.\d+)?)(k|M|G)?(bit|pps)$/.exec(rate);
  if (match === null) return fail(HOW);
  const amount = Number(match[1]) * (UNITS[match[2] ?? ''] as number);
  const given = new Map(
    rest.map((word): [string, string] => {
      const at = word.indexOf('=');
      return at < 1 ? fail(HOW) : [word.slice(0, at), word.slice(at + 1)];
    }),
  );
  const percent = Number(given.get('cpu')?.replace(/%$/, '') ?? Number.NaN);
  if (!(percent > 0 && percent <= 100)) fail('needs cpu=, the percent of all processors that was busy, above 0 to 100');
  const offload = given.get('offload') ?? 'as-ruled';
  if (!OFFLOADS.includes(offload as (typeof OFFLOADS)[number])) fail(`offload is one of ${OFFLOADS.join(', ')}`);
  const size = given.get('size');
  const octets = Number(size);
  const mix = size !== undefined && Object.hasOwn(MIXES, size) ? MIXES[size] : undefined;
  if (size !== undefined && mix === undefined && !(octets >= 60 && octets <= 65_535)) {
    fail(`size is octets on the wire, 60 to 65535, or one of ${Object.keys(MIXES).join(', ')}`);
  }
  for (const key of given.keys())
    if (!['cpu', 'offload', 'size'].includes(key)) fail(`${key}= is not known; a point ${HOW}`);
  if (!(amount > 0)) fail('needs a rate above 0');
  return {
    text: text.trim(),
    rate: match[3] === 'pps' ? { packetsPerSecond: amount } : { bitsPerSecond: amount },
    busy: percent / 100,
    offload: offload as CalibrationPoint['offload'],
    ...(size === undefined ? {} : { sizes: mix ?? [{ octets, packets: 1 }] }),
  };
}

const schema = onDemand(() => {
  const { z } = zod();
  const point = z.union([
    z.string().max(200),
    z.strictObject({
      rate: z.string().max(40),
      cpu: z.number(),
      offload: z.enum(OFFLOADS).optional(),
      size: z.union([z.number(), z.string().max(20)]).optional(),
    }),
  ]);
  return z.strictObject({ points: z.array(point).min(1).max(1000) });
});
type PointsInput = Zod.infer<ReturnType<typeof schema>>;

/** The points of a YAML or JSON file: { points: ['450Mbit cpu=63', { rate: 90kpps, cpu: 40, offload: off }] }. */
export function readPoints(file: string): CalibrationPoint[] {
  const input = parseYaml<PointsInput>(
    readText(file, MAX_FILE_OCTETS, 'list of points'),
    file,
    schema(),
    () => undefined,
  );
  return input.points.map((row, index) => {
    if (typeof row === 'string') return parsePoint(row, `${file}: points[${index}]`);
    const more = [row.offload && `offload=${row.offload}`, row.size !== undefined && `size=${row.size}`].filter(
      Boolean,
    );
    return parsePoint([row.rate, `cpu=${row.cpu}`, ...more].join(' '), `${file}: points[${index}]`);
  });
}
