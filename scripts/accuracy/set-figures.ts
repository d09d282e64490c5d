// The published rates of set look-ups (pipapo's cover letter, netfilter-devel 2020-03-07): a drop in a netdev hook, alone and after a
// look-up, on two machines; and what the kernels of then did otherwise than 6.12.
import type { InstructionSet } from '../../src/cost/weights/weights.ts';
import type { Lookup, SelftestTable } from './selftest.ts';

export interface SetFigure {
  id: string;
  /** A table of one machine: fitted, or left out, as a whole. */
  run: string;
  profile: string;
  hz: number;
  /** Mpps of the drop alone, and with the look-up. */
  baseline: number;
  value: number;
  lookup: Lookup;
  /** Beside the profile's: no AVX2. */
  instructionSet?: InstructionSet;
  table: SelftestTable;
}

interface Row extends SelftestTable {
  name: string;
  /** Drop, hash, rbtree (first field), pipapo (AVX2; its C code), and their ids. */
  epyc: { mpps: number[]; ids: number[] };
  /** Drop, hash, rbtree, pipapo. */
  a72: { mpps: number[]; ids: number[] };
}

const TABLES: readonly Row[] = [
  {
    name: 'net,port',
    fields: ['net', 'port'],
    elements: 1000,
    epyc: { mpps: [19.0, 10.4, 3.8, 7.5, 4.0], ids: [41, 42, 43, 46, 45] },
    a72: { mpps: [1.63, 1.37, 0.87, 0.7], ids: [83, 84, 85, 87] },
  },
  {
    name: 'net6,port',
    fields: ['net6', 'port'],
    elements: 1000,
    epyc: { mpps: [16.4, 7.6, 1.8, 4.8, 2.1], ids: [53, 54, 55, 58, 57] },
    a72: { mpps: [1.56, 1.27, 0.65, 0.5], ids: [93, 94, 95, 97] },
  },
  {
    name: 'net6,port,mac',
    fields: ['net6', 'port', 'mac'],
    elements: 10,
    epyc: { mpps: [16.5, 5.4, 4.3, 4.7, 3.4], ids: [65, 66, 67, 70, 69] },
    a72: { mpps: [1.56, 1.14, 1.02, 0.66], ids: [103, 104, 105, 107] },
  },
  {
    name: 'net,mac',
    fields: ['net', 'mac'],
    elements: 1000,
    epyc: { mpps: [19.0, 8.4, 3.9, 6.4, 2.5], ids: [77, 78, 79, 82, 81] },
    a72: { mpps: [1.63, 1.26, 0.87, 0.53], ids: [113, 114, 115, 117] },
  },
];
const COLUMNS = [{ lookup: 'none' }, { lookup: 'hash' }, { lookup: 'rbtree' }, { lookup: 'pipapo' }] as const;
const WITHOUT_AVX2 = { lookup: 'pipapo', instructionSet: 'x86-64-v2' } as const;

export const SET_FIGURES: readonly SetFigure[] = TABLES.flatMap(({ name, fields, elements, epyc, a72 }) =>
  [
    { profile: 'epyc-7402', hz: 3.35e9, columns: [...COLUMNS, WITHOUT_AVX2], ...epyc },
    { profile: 'bcm2711', hz: 2.147e9, columns: COLUMNS, ...a72 },
  ].flatMap(({ profile, hz, columns, mpps, ids }) =>
    columns.map((column, i) => ({
      ...column,
      id: `c${ids[i]}`,
      run: `${profile} ${name}`,
      profile,
      hz,
      baseline: mpps[0] as number,
      value: mpps[i] as number,
      table: { fields, elements },
    })),
  ),
);

/** What pktgen does for each packet that it hands to the receive path: an estimate from pktgen_xmit's inner loop. */
export const PKTGEN_INSTRUCTIONS = 40;

/**
 * Instructions for each octet of a key that kernels of 2020 compared: lib/string.c went octet by octet on x86-64 until 5.17,
 * arch/arm64/lib/memcmp.S up to the next aligned word until 5.14. Estimates from their code.
 */
const OLDER_COMPARE = { 'epyc-7402': 7, bcm2711: 3 } as const;
/** Octets that 6.12 compares at once, and the octets of a usual key. */
const WORD = 8;
const USUAL_OCTETS = 4;
/** The addresses 2001:db8::XXXX differ in their last two octets. */
const V6_DIFFERS_AT = 15;

const KEY_OCTETS = { net: 4, net6: 16, port: 4, mac: 8 } as const;

/** Instructions of a figure's look-up beside the model's: those of the kernel of then. `compares`: keys that a tree compared. */
export function olderInstructions({ lookup, table, profile }: SetFigure, compares: number): number {
  const each = OLDER_COMPARE[profile as keyof typeof OLDER_COMPARE];
  const more = (octets: number): number => each * (octets - Math.floor(octets / WORD) * 1 - (octets % WORD));
  if (lookup === 'hash') return more(table.fields.reduce((sum, field) => sum + KEY_OCTETS[field], 0));
  if (lookup !== 'rbtree' || table.fields[0] !== 'net6') return 0;
  return compares * (profile === 'bcm2711' ? each * (V6_DIFFERS_AT - USUAL_OCTETS) : more(V6_DIFFERS_AT));
}
