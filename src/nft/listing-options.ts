// What to list, as nft's own options say it.
import type { Ruleset, Table } from '../bytecode/ruleset.ts';
import type { Dialect, PrintOptions } from './print-text.ts';

/** Options of a listing. */
export interface ListingOptions {
  /** `nft -s`: no counters, quotas used or expiry. */
  stateless?: boolean;
  /** `nft -a`: ` # handle n` behind everything that has one. */
  handles?: boolean;
  /** `nft -t`: no set elements. */
  terse?: boolean;
  /** `nft -p`: protocols by number. */
  numericProtocol?: boolean;
  /** `# count n` behind the size of a set: kernels from 6.16 tell nft, and it lists, how many elements there are. */
  elementCounts?: boolean;
  /** Seconds east of UTC of the router's clock, for `meta hour` and dates; 0 when absent. */
  timezoneSeconds?: number;
  /** The nft whose layout is followed; 1.1.4 unless told. */
  dialect?: Dialect;
}

/** The printers' options for a table. */
export function printOptions(ruleset: Ruleset, table: Table, options: ListingOptions): PrintOptions {
  return {
    stateless: options.stateless ?? false,
    dialect: options.dialect ?? '1.1.4',
    interfaceName: (index) => ruleset.interfaceNames[index] || undefined,
    family: table.family,
    numericProtocol: options.numericProtocol ?? false,
    elementCounts: options.elementCounts ?? false,
    timezoneSeconds: options.timezoneSeconds ?? 0,
  };
}
