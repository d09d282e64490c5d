// Where nftreplay knowingly differs from the kernel, one row each: code that takes such a way says `SIMPLIFIED: <name>`
// and counts it, the report lists the rows that a run touched, docs/FIDELITY.md lists them all (a test compares).

export interface Simplification {
  name: string;
  /** What differs and with which effect, for a reader of the report. */
  effect: string;
}

export const SIMPLIFICATIONS = [
  { name: 'mac', effect: 'every unicast frame is taken as addressed to the router, whatever its MAC address says' },
] as const satisfies readonly Simplification[];

export type SimplificationName = (typeof SIMPLIFICATIONS)[number]['name'];

const INDEX = new Map<string, number>(SIMPLIFICATIONS.map((row, index) => [row.name, index]));

/** The row, to be looked up once at module level and given to Recorder.simplified(). */
export function simplificationIndex(name: SimplificationName): number {
  return INDEX.get(name) as number;
}
