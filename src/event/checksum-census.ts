// Right and wrong layer-4 checksums by who sent them: a host whose packets are all wrong was captured on itself, before its
// network card filled them in. Sources share rows by a hash: memory is bounded, and the parts of a replay add up exactly.
import { be32, f64, u32 } from '../base/columns.ts';

const ROWS = 1024;
const WORDS = 4;

/** Counts of the sources that share a row; structured-cloneable. */
export interface ChecksumRow {
  row: number;
  right: number;
  wrong: number;
  /** The lowest address with a wrong checksum, as 32-bit words: one of IPv4, four of IPv6. */
  source?: number[];
}

/** Counts packets whose checksum was verified. */
export class ChecksumCensus {
  readonly #right: Float64Array = new Float64Array(ROWS);
  readonly #wrong: Float64Array = new Float64Array(ROWS);
  /** [row * WORDS] the lowest source; #lengths 0: none. */
  readonly #sources: Uint32Array = new Uint32Array(ROWS * WORDS);
  readonly #lengths: Uint8Array = new Uint8Array(ROWS);

  /** Counts the datagram whose IPv4 or IPv6 header begins at `network`. */
  add(data: Uint8Array, network: number, version: 4 | 6, isRight: boolean): void {
    const last = be32(data, version === 4 ? network + 12 : network + 20);
    const row = Math.imul(last ^ version, 0x9e3779b1) >>> 22;
    if (isRight) {
      this.#right[row] = f64(this.#right, row) + 1;
      return;
    }
    this.#wrong[row] = f64(this.#wrong, row) + 1;
    this.#note(data, version === 4 ? network + 12 : network + 8, version === 4 ? 1 : WORDS, row);
  }

  /** Rows with counts. */
  rows(): ChecksumRow[] {
    const found: ChecksumRow[] = [];
    for (let row = 0; row < ROWS; row++) {
      const right = f64(this.#right, row);
      const wrong = f64(this.#wrong, row);
      const length = this.#lengths[row] ?? 0;
      const source = Array.from({ length }, (_, i) => u32(this.#sources, row * WORDS + i));
      if (right + wrong > 0) found.push({ row, right, wrong, ...(length === 0 ? {} : { source }) });
    }
    return found;
  }

  #note(data: Uint8Array, at: number, length: number, row: number): void {
    const known = this.#lengths[row] ?? 0;
    let order = known === 0 ? -1 : length - known;
    for (let i = 0; i < length && order === 0; i++)
      order = be32(data, at + i * 4) - u32(this.#sources, row * WORDS + i);
    if (order >= 0) return;
    this.#lengths[row] = length;
    for (let i = 0; i < length; i++) this.#sources[row * WORDS + i] = be32(data, at + i * 4);
  }
}

/** The rows of all parts of a replay. */
export function addChecksumRows(parts: ChecksumRow[][]): ChecksumRow[] {
  const sums = new Map<number, ChecksumRow>();
  for (const row of parts.flat()) {
    const sum = sums.get(row.row);
    if (sum === undefined) {
      sums.set(row.row, { ...row });
      continue;
    }
    sum.right += row.right;
    sum.wrong += row.wrong;
    if (row.source !== undefined && isLower(row.source, sum.source)) sum.source = row.source;
  }
  return [...sums.values()].sort((a, b) => a.row - b.row);
}

function isLower(a: number[], b: number[] | undefined): boolean {
  if (b === undefined || a.length !== b.length) return b === undefined || a.length < b.length;
  const at = a.findIndex((word, i) => word !== b[i]);
  return at >= 0 && (a[at] as number) < (b[at] as number);
}
