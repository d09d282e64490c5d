// Collects one packet's events and interns the sequence: equal paths become one small integer.
// What is left of a packet is (time, path, bytes, flow); what happened, how often, stands in the path table.
import { f64, growU32, u32 } from '../base/columns.ts';
import { ChecksumCensus } from './checksum-census.ts';
import { SIMPLIFICATIONS } from './simplifications.ts';

/** Rows of 64 octets up to 1536, then powers of two: enough for quantiles of a cost that is linear in length. */
export const LENGTH_CLASSES = 32;

/** Upper end in octets of a length class (see lengthClass). */
export function lengthClassOctets(row: number): number {
  return row < 24 ? (row + 1) * 64 : 1536 * 2 ** (row - 23);
}

function lengthClass(octets: number): number {
  if (octets <= 1536) return octets === 0 ? 0 : (octets - 1) >>> 6;
  const row = 24 + Math.ceil(Math.log2(octets / 1536)) - 1;
  return row < LENGTH_CLASSES ? row : LENGTH_CLASSES - 1;
}

/** Interned paths as columns; structured-cloneable (src/replay merges those of several workers). */
export interface PathTable {
  /** Event words of all paths, one after the other. */
  words: Uint32Array;
  /** words[offsets[p]] … words[offsets[p + 1] - 1] are path p's; length paths + 1. */
  offsets: Uint32Array;
  packets: Float64Array;
  bytes: Float64Array;
  /** [path * LENGTH_CLASSES + class] packets. */
  lengths: Uint32Array;
  /** Number of the packet that met the path first: gives merged tables an order. */
  firstPacket: Float64Array;
  /** PATH_SLOW, PATH_SOFTWARE, PATH_HARDWARE; and the verdict. Both are part of a path's identity. */
  pathClass: Uint8Array;
  verdict: Uint8Array;
}

/** More different paths than this are not kept apart: the rest is counted as one (hostile rulesets and captures). */
export const MAX_PATHS = 1 << 18;
/** As many event words are kept. */
export const MAX_PATH_WORDS = 1 << 25;

/** Records the events of one packet at a time. */
export class Recorder {
  #words: Uint32Array = new Uint32Array(256);
  #length = 0;
  #store: Uint32Array = new Uint32Array(1 << 12);
  #stored = 0;
  #offsets: Uint32Array = new Uint32Array(256);
  #paths = 0;
  #slots: Int32Array = new Int32Array(1 << 9).fill(-1);
  #hashes: Uint32Array = new Uint32Array(256);
  #packets: Float64Array = new Float64Array(256);
  #bytes: Float64Array = new Float64Array(256);
  #lengths: Uint32Array = new Uint32Array(256 * LENGTH_CLASSES);
  #firstPacket: Float64Array = new Float64Array(256);
  #pathClass: Uint8Array = new Uint8Array(256);
  #verdict: Uint8Array = new Uint8Array(256);
  /** Packets whose path could not be kept apart any more. */
  overflowPackets = 0;
  /** [row of simplifications.ts] how often the run took that way. */
  readonly simplifications: Float64Array = new Float64Array(SIMPLIFICATIONS.length);

  readonly checksums = new ChecksumCensus();

  /** Starts the next packet. */
  begin(): void {
    this.#length = 0;
  }

  /** Appends an event of `kind` (eventKind) with its argument, 0 … 2^26 - 1. */
  event(kind: number, argument: number): void {
    if (this.#length === this.#words.length) this.#words = growU32(this.#words);
    this.#words[this.#length++] = ((kind << 26) | (argument & 0x3ffffff)) >>> 0;
  }

  /** Tells `listener` of each event right after it was recorded: a trace. Costs nothing when nobody listens. */
  listen(listener: (kind: number, argument: number) => void): void {
    const record = this.event.bind(this);
    this.event = (kind, argument) => {
      record(kind, argument);
      listener(kind, argument);
    };
  }

  /** Counts that the run took a way that differs from the kernel's (simplificationIndex). */
  simplified(row: number): void {
    this.simplifications[row] = f64(this.simplifications, row) + 1;
  }

  /** Number of events of the packet so far. */
  get length(): number {
    return this.#length;
  }

  /**
   * Ends the packet: interns its events and counts it. `octets` is its length on the wire.
   * Returns the path's number.
   */
  end(pathClass: number, verdict: number, octets: number, packetNumber: number): number {
    const path = this.#intern(pathClass, verdict, packetNumber);
    this.#packets[path] = (this.#packets[path] as number) + 1;
    this.#bytes[path] = (this.#bytes[path] as number) + octets;
    const cell = path * LENGTH_CLASSES + lengthClass(octets);
    this.#lengths[cell] = u32(this.#lengths, cell) + 1;
    return path;
  }

  /** Event words of the packet in hand, for a trace: valid until the next begin(). */
  current(): Uint32Array {
    return this.#words.subarray(0, this.#length);
  }

  /** All paths so far, as a copy of their columns. */
  table(): PathTable {
    const n = this.#paths;
    return {
      words: this.#store.slice(0, this.#stored),
      offsets: this.#offsets.slice(0, n + 1),
      packets: this.#packets.slice(0, n),
      bytes: this.#bytes.slice(0, n),
      lengths: this.#lengths.slice(0, n * LENGTH_CLASSES),
      firstPacket: this.#firstPacket.slice(0, n),
      pathClass: this.#pathClass.slice(0, n),
      verdict: this.#verdict.slice(0, n),
    };
  }

  #intern(pathClass: number, verdict: number, packetNumber: number): number {
    const words = this.#words;
    const length = this.#length;
    const hash = hashWords(words, length, length ^ (pathClass << 8) ^ (verdict << 12));
    const mask = this.#slots.length - 1;
    let slot = hash & mask;
    for (;;) {
      const path = this.#slots[slot] as number;
      if (path < 0) break;
      if (u32(this.#hashes, path) === hash && this.#equals(path, pathClass, verdict)) return path;
      slot = (slot + 1) & mask;
    }
    if (this.#paths >= MAX_PATHS || this.#stored + length > MAX_PATH_WORDS) {
      this.overflowPackets++;
      return this.#overflow(pathClass, verdict);
    }
    return this.#add(slot, hash, pathClass, verdict, packetNumber);
  }

  #equals(path: number, pathClass: number, verdict: number): boolean {
    const from = u32(this.#offsets, path);
    const length = u32(this.#offsets, path + 1) - from;
    if (length !== this.#length || this.#pathClass[path] !== pathClass || this.#verdict[path] !== verdict) return false;
    for (let i = 0; i < length; i++) if (u32(this.#store, from + i) !== u32(this.#words, i)) return false;
    return true;
  }

  #add(slot: number, hash: number, pathClass: number, verdict: number, packetNumber: number): number {
    const path = this.#paths++;
    if (path + 2 > this.#hashes.length) this.#grow();
    while (this.#stored + this.#length > this.#store.length) this.#store = growU32(this.#store);
    for (let i = 0; i < this.#length; i++) this.#store[this.#stored + i] = u32(this.#words, i);
    this.#offsets[path] = this.#stored;
    this.#stored += this.#length;
    this.#offsets[path + 1] = this.#stored;
    this.#hashes[path] = hash;
    this.#pathClass[path] = pathClass;
    this.#verdict[path] = verdict;
    this.#firstPacket[path] = packetNumber;
    this.#slots[slot] = path;
    if (this.#paths * 2 > this.#slots.length) this.#rehash();
    return path;
  }

  /** The last path of the same class and verdict stands for those that are too many. */
  #overflow(pathClass: number, verdict: number): number {
    for (let path = this.#paths - 1; path > 0; path--) {
      if (this.#pathClass[path] === pathClass && this.#verdict[path] === verdict) return path;
    }
    return 0;
  }

  #grow(): void {
    const size = this.#hashes.length * 2;
    this.#hashes = growU32(this.#hashes);
    this.#offsets = growU32(this.#offsets);
    this.#lengths = growU32(this.#lengths);
    this.#packets = resizeF64(this.#packets, size);
    this.#bytes = resizeF64(this.#bytes, size);
    this.#firstPacket = resizeF64(this.#firstPacket, size);
    this.#pathClass = resizeU8(this.#pathClass, size);
    this.#verdict = resizeU8(this.#verdict, size);
  }

  #rehash(): void {
    this.#slots = new Int32Array(this.#slots.length * 2).fill(-1);
    const mask = this.#slots.length - 1;
    for (let path = 0; path < this.#paths; path++) {
      let slot = u32(this.#hashes, path) & mask;
      while ((this.#slots[slot] as number) >= 0) slot = (slot + 1) & mask;
      this.#slots[slot] = path;
    }
  }
}

/** Two lanes, of even and of odd words: neither waits for the other's multiplication. */
function hashWords(words: Uint32Array, length: number, seed: number): number {
  let even = Math.imul(seed, 0x9e3779b1);
  let odd = 0x85ebca6b;
  let i = 0;
  for (const last = length - 1; i < last; i += 2) {
    even = Math.imul(even ^ u32(words, i), 0x01000193);
    odd = Math.imul(odd ^ u32(words, i + 1), 0x01000193);
    even ^= even >>> 15;
    odd ^= odd >>> 15;
  }
  if (i < length) even = Math.imul(even ^ u32(words, i), 0x01000193);
  even = Math.imul(even ^ Math.imul(odd, 0xc2b2ae35), 0x27d4eb2f);
  return (even ^ (even >>> 15)) >>> 0;
}

function resizeF64(array: Float64Array, size: number): Float64Array {
  const grown = new Float64Array(size);
  grown.set(array);
  return grown;
}

function resizeU8(array: Uint8Array, size: number): Uint8Array {
  const grown = new Uint8Array(size);
  grown.set(array);
  return grown;
}
