// What every printer shares: options, and text that a terminal may be shown.

/** The nft whose listing is followed where versions differ. */
export type Dialect = '1.0.6' | '1.1.4';

/** What the printers need to know beside the tree. */
export interface PrintOptions {
  /** Leave out counters, quotas used, expiry: `nft -s`. */
  readonly stateless: boolean;
  readonly dialect: Dialect;
  /** Name of an interface index, where it is known. */
  readonly interfaceName: (index: number) => string | undefined;
  /** Family of the table: `reject` alone is clear in ip and ip6 only. */
  readonly family: string;
  /** Seconds east of UTC of the router's clock; 0 when absent. */
  readonly timezoneSeconds?: number;
  /** `# count n` behind the size of a set. */
  readonly elementCounts?: boolean;
  /** Values in ranges are printed without names. */
  readonly numeric?: boolean;
  /** Protocols by number: `nft -p`. */
  readonly numericProtocol?: boolean;
  /** Names for ICMP codes, which nft 1.1 gives in `reject` only. */
  readonly codeNames?: boolean;
}

/** Control characters as `\xNN`: comments and prefixes come from files and must not reach a terminal raw. */
export function safeText(text: string): string {
  // biome-ignore lint/suspicious/noControlCharactersInRegex: they are what is looked for
  return text.replace(/[\u0000-\u001f\u007f-\u009f]/g, (c) => `\\x${c.charCodeAt(0).toString(16).padStart(2, '0')}`);
}

/** Text in double quotes, as nft lists strings (it escapes nothing in them). */
export function quoted(text: string): string {
  return `"${safeText(text)}"`;
}
