// A set or map at work (struct nft_set): its elements, the backend that finds them, and what they map to. Elements that
// time out do so in capture time; those that rules add are bounded by the set's size.
import { DOUBLE_ZERO, f64, u32 } from '../../base/columns.ts';
import type { Expression, ObjectType } from '../../bytecode/expression.ts';
import type { NftSet, SetElement, SetState } from '../../bytecode/ruleset.ts';
import { NFT_BREAK, NFT_CONTINUE, verdictCode } from '../evaluate/codes.ts';
import type { Evaluation } from '../evaluate/evaluation.ts';
import type { PreparedChain, PreparedObject } from '../evaluate/prepared.ts';
import { STATE_SLOTS, type Stateful } from '../evaluate/stateful.ts';
import type { SetBackend } from './backend.ts';
import { type BackendName, chooseBackend, makeBackend } from './choose.ts';
import { Elements } from './elements.ts';
import { HashBackend } from './hash.ts';
import { KeyMemo } from './key-memo.ts';

/** What a set needs to resolve of its table. */
export interface SetContext {
  chain(name: string): PreparedChain;
  object(type: ObjectType, name: string): PreparedObject;
  stateful(expression: Expression): Stateful;
  /** When its elements' time begins; absent: 0. */
  nowNs?: number;
}

/** Size of a set that rules add to and that declares none (nft_dynset_init). */
const DYNAMIC_SIZE = 0xffff;
/** Elements that are looked through for overlaps when a set is made. */
const MAX_CHECKED = 4096;
const NO_PROGRAM: readonly Stateful[] = [];

export class RuntimeSet {
  readonly definition: NftSet;
  readonly backendName: BackendName;
  readonly elements: Elements;
  /** A rule changes its elements, or they time out or count: state() says what became of them. */
  hasState: boolean;
  /** How often lookups found each element of the definition, when they count (coverage). */
  hits: Float64Array | undefined = undefined;
  /** Elements that rules have added so far. */
  added = 0;
  readonly #backend: SetBackend;
  /** countWork of the backend. */
  readonly #count: SetBackend['countWork'];
  #memo: KeyMemo | undefined;
  /** Index of the catch-all element; -1: none. */
  #catchAll = -1;
  readonly #codes: number[] = [];
  readonly #chains: (PreparedChain | undefined)[] = [];
  readonly #objects: (PreparedObject | undefined)[] = [];
  readonly #programs: (readonly Stateful[])[] = [];
  readonly #sources: (SetElement | undefined)[] = [];
  /** Stateful expressions that elements made by a rule get when the rule names none. */
  readonly #program: readonly Stateful[];
  /** collect() has work: elements come and go, or give themselves up. */
  readonly isCollected: boolean;
  /** Deleted elements that the collector has not met yet: they count against the size. */
  #buried = 0;
  #gcAtNs = DOUBLE_ZERO;
  readonly #gcIntervalNs: number;

  constructor(definition: NftSet, context: SetContext) {
    this.definition = definition;
    this.backendName = chooseBackend(definition);
    this.#program = definition.elementExpressions.map((expression) => context.stateful(expression));
    const programs = definition.elements.map((element) =>
      element.expressions === undefined
        ? this.#program
        : element.expressions.map((expression) => context.stateful(expression)),
    );
    // Rules may give their own expressions to new elements: nft allows at most two (NFT_SET_EXPR_MAX).
    const expressions = Math.max(definition.dynamic ? 2 : 0, this.#program.length, ...programs.map((p) => p.length));
    const valueWords = definition.mapTo === 'value' ? (definition.dataLength + 3) >>> 2 : 0;
    // Values that are ranges: the highest one stands behind the lowest.
    const dataWords = definition.elements.some((element) => element.dataEnd !== undefined)
      ? valueWords * 2
      : valueWords;
    const slots = expressions * STATE_SLOTS;
    this.elements = new Elements(
      definition.keyLength,
      definition.interval,
      dataWords,
      slots,
      definition.elements.length,
    );
    this.hasState =
      definition.timeout || definition.dynamic || expressions > 0 || definition.elements.some((e) => e.expiresMs);
    definition.elements.forEach((element, i) => {
      this.#addStatic(element, programs[i] ?? NO_PROGRAM, context);
    });
    // The catch-all is an element like others, but no key leads to it.
    if (this.#catchAll >= 0) this.elements.isUsed[this.#catchAll] = 0;
    this.#backend = makeBackend(this.backendName, definition, this.elements);
    this.#count = this.#backend.countWork?.bind(this.#backend);
    if (this.#catchAll >= 0) this.elements.isUsed[this.#catchAll] = 1;
    this.isCollected = this.#backend instanceof HashBackend && (definition.timeout || definition.dynamic);
    this.#gcIntervalNs = (definition.gcIntervalMs || 1000) * 1e6;
  }

  /**
   * Key of a concatenation of ranges whose first or last value lies in one before it, which the kernel refuses as existing
   * (nft_pipapo_insert); undefined: none, or too many elements to look.
   */
  overlapping(): Uint8Array | undefined {
    const { keys, ends, keyLength, bound } = this.elements;
    if (this.backendName !== 'pipapo' || bound > MAX_CHECKED) return undefined;
    for (let element = 0; element < bound; element++) {
      if (element === this.#catchAll) continue;
      const at = element * keyLength;
      const key = keys.subarray(at, at + keyLength);
      for (const octets of [keys, ends]) {
        const other = this.#backend.find(octets, at, Number.NEGATIVE_INFINITY);
        if (other < 0 || other >= element) continue;
        const from = other * keyLength;
        const isTwin =
          key.every((octet, i) => octet === keys[from + i]) &&
          ends.subarray(at, at + keyLength).every((octet, i) => octet === ends[from + i]);
        if (!isTwin) return key;
      }
    }
    return undefined;
  }

  /** The element for the key in the octets at `offset`, the catch-all where there is none, or -1. */
  lookup(octets: Uint8Array, offset: number, nowNs: number): number {
    const element = this.#backend.find(octets, offset, nowNs);
    if (element >= 0 || this.#catchAll < 0) return element;
    return this.elements.isLive(this.#catchAll, nowNs) ? this.#catchAll : -1;
  }

  /** Adds what the kernel does to find a key (WORK); nothing where that is always the same. */
  countWork(octets: Uint8Array, offset: number, amounts: Float64Array): void {
    if (this.#count === undefined) return;
    this.#memo ??= new KeyMemo(this.definition.keyLength, amounts.length);
    this.#memo.add(octets, offset, amounts, this.#count);
  }

  /** Code of an element's verdict; jump and goto set run.target. */
  verdict(element: number, run: Evaluation): number {
    const chain = this.#chains[element];
    if (chain !== undefined) run.target = chain;
    return this.#codes[element] ?? NFT_CONTINUE;
  }

  object(element: number): PreparedObject | undefined {
    return this.#objects[element];
  }

  /** Copies an element's value into register words. */
  copyData(element: number, words: Uint32Array, to: number): void {
    const { data, dataWords } = this.elements;
    for (let i = 0; i < dataWords; i++) words[to + i] = u32(data, element * dataWords + i);
  }

  /** Evaluates an element's stateful expressions (nft_set_elem_update_expr). */
  evaluateElement(element: number, run: Evaluation): number {
    const program = this.#programs[element] ?? NO_PROGRAM;
    if (program.length === 0) return NFT_CONTINUE;
    const { state, stateSlots } = this.elements;
    let code = NFT_CONTINUE;
    for (let i = 0; i < program.length; i++) {
      const result = (program[i] as Stateful).evaluate(run, state, element * stateSlots + i * STATE_SLOTS);
      if (result === NFT_CONTINUE) continue;
      code = result;
      if (code === NFT_BREAK) break;
    }
    return code;
  }

  /**
   * The element of a key, made when there is none (nft_rhash_update, nft_dynset_new); -1: the set is full.
   * `program` undefined: the set's own expressions. Allocates nothing but room.
   */
  addDynamic(
    octets: Uint8Array,
    offset: number,
    words: Uint32Array,
    dataWord: number,
    timeoutNs: number,
    program: readonly Stateful[] | undefined,
    nowNs: number,
  ): number {
    const backend = this.#backend as HashBackend;
    const { elements } = this;
    const known = backend.findAny(octets, offset);
    if (known >= 0) {
      if (elements.isLive(known, nowNs)) return known;
      this.#bury(known);
    }
    if (elements.count + this.#buried >= (this.definition.sizeElements || DYNAMIC_SIZE)) return -1;
    const element = elements.add(octets, offset);
    this.added++;
    backend.insert(element);
    this.#programs[element] = program ?? this.#program;
    this.#sources[element] = undefined;
    elements.timeoutNs[element] = timeoutNs;
    elements.expiresNs[element] = timeoutNs > 0 ? nowNs + timeoutNs : Number.POSITIVE_INFINITY;
    for (let i = 0; i < elements.dataWords; i++) {
      elements.data[element * elements.dataWords + i] = u32(words, dataWord + i);
    }
    this.#start(element, nowNs);
    return element;
  }

  /** Starts an element's time anew (`update`). */
  refresh(element: number, timeoutNs: number, nowNs: number): void {
    if (f64(this.elements.timeoutNs, element) > 0) this.elements.expiresNs[element] = nowNs + timeoutNs;
  }

  /** `delete`: takes out the element of a key, if there is one. */
  deleteDynamic(octets: Uint8Array, offset: number, nowNs: number): void {
    const element = this.#backend.find(octets, offset, nowNs);
    if (element >= 0) this.#bury(element);
  }

  /** Collects what has expired, or what the elements' expressions give up, every gc interval (nft_rhash_gc). */
  collect(nowNs: number): void {
    if (nowNs < this.#gcAtNs || !this.isCollected) return;
    this.#gcAtNs = (Math.floor(nowNs / this.#gcIntervalNs) + 1) * this.#gcIntervalNs;
    this.#buried = 0;
    const { elements } = this;
    for (let element = 0; element < elements.bound; element++) {
      if (elements.isUsed[element] !== 1 || element === this.#catchAll) continue;
      if (!elements.isLive(element, nowNs) || this.#isGivenUp(element, nowNs)) this.#remove(element);
    }
  }

  /** The elements as `nft list ruleset` shows them now; null when nothing can have changed. */
  state(nowNs: number): SetState | null {
    if (!this.hasState) return null;
    const listed: SetElement[] = [];
    for (let element = 0; element < this.elements.bound; element++) {
      if (this.elements.isUsed[element] === 1 && this.elements.isLive(element, nowNs)) {
        listed.push(this.#listed(element, nowNs));
      }
    }
    return { elements: listed };
  }

  #addStatic(source: SetElement, program: readonly Stateful[], context: SetContext): void {
    const { elements, definition } = this;
    const key = padded(source.key, definition.keyLength);
    const element = elements.add(key, 0, padded(source.keyEnd ?? source.key, definition.keyLength), 0);
    if (source.catchAll) this.#catchAll = element;
    this.#programs[element] = program;
    this.#sources[element] = source;
    const timeoutMs = source.timeoutMs ?? (definition.timeout ? (definition.timeoutMs ?? 0) : 0);
    elements.timeoutNs[element] = timeoutMs * 1e6;
    elements.expiresNs[element] =
      timeoutMs > 0 ? (context.nowNs ?? 0) + (source.expiresMs ?? timeoutMs) * 1e6 : Number.POSITIVE_INFINITY;
    if (source.verdict !== undefined) {
      this.#codes[element] = verdictCode(source.verdict.code);
      if (source.verdict.chain !== undefined) this.#chains[element] = context.chain(source.verdict.chain);
    }
    if (source.object !== undefined && definition.mapTo !== undefined) {
      this.#objects[element] = context.object(definition.mapTo as ObjectType, source.object);
    }
    if (source.data !== undefined) this.#writeData(element, withEnd(source.data, source.dataEnd));
    this.#start(element, context.nowNs ?? 0);
  }

  #writeData(element: number, data: Uint8Array): void {
    const { dataWords } = this.elements;
    for (let i = 0; i < dataWords; i++) {
      let word = 0;
      for (let j = 0; j < 4; j++) word |= (data[i * 4 + j] ?? 0) << (8 * j);
      this.elements.data[element * dataWords + i] = word;
    }
  }

  #start(element: number, nowNs: number): void {
    const program = this.#programs[element] ?? NO_PROGRAM;
    const { state, stateSlots } = this.elements;
    for (let i = 0; i < program.length; i++) {
      (program[i] as Stateful).start(state, element * stateSlots + i * STATE_SLOTS, nowNs);
    }
  }

  #isGivenUp(element: number, nowNs: number): boolean {
    const program = this.#programs[element] ?? NO_PROGRAM;
    const { state, stateSlots } = this.elements;
    for (let i = 0; i < program.length; i++) {
      if (program[i]?.isGivenUp?.(state, element * stateSlots + i * STATE_SLOTS, nowNs)) return true;
    }
    return false;
  }

  /** nft_set_elem_dead: gone for every lookup, but not yet for the set's size. */
  #bury(element: number): void {
    this.#remove(element);
    this.#buried++;
  }

  #remove(element: number): void {
    const program = this.#programs[element] ?? NO_PROGRAM;
    const { state, stateSlots } = this.elements;
    for (let i = 0; i < program.length; i++) program[i]?.release?.(state, element * stateSlots + i * STATE_SLOTS);
    (this.#backend as HashBackend).remove(element);
    this.elements.remove(element);
  }

  #listed(element: number, nowNs: number): SetElement {
    const { keys, keyLength, dataWords, data, state, stateSlots } = this.elements;
    const source = this.#sources[element];
    const listed: SetElement = { ...source, key: keys.slice(element * keyLength, (element + 1) * keyLength) };
    if (source?.catchAll) listed.key = source.key;
    if (source === undefined && dataWords > 0) {
      const octets = new Uint8Array(data.buffer, data.byteOffset + element * dataWords * 4, dataWords * 4);
      listed.data = octets.slice(0, this.definition.dataLength);
    }
    const timeoutNs = f64(this.elements.timeoutNs, element);
    if (timeoutNs > 0) {
      // The set's own timeout is not repeated with each element.
      if (timeoutNs !== (this.definition.timeoutMs ?? 0) * 1e6) listed.timeoutMs = Math.floor(timeoutNs / 1e6);
      listed.expiresMs = Math.max(0, Math.floor((f64(this.elements.expiresNs, element) - nowNs) / 1e6));
    }
    const program = this.#programs[element] ?? NO_PROGRAM;
    if (program.length > 0) {
      listed.expressions = program.map((stateful, i) =>
        stateful.listed(state, element * stateSlots + i * STATE_SLOTS, nowNs),
      );
    }
    return listed;
  }
}

function padded(octets: Uint8Array, length: number): Uint8Array {
  if (octets.length === length) return octets;
  const out = new Uint8Array(length);
  out.set(octets.subarray(0, length));
  return out;
}

/** The octets of a value, and of its highest one behind at the next multiple of four. */
function withEnd(data: Uint8Array, end: Uint8Array | undefined): Uint8Array {
  if (end === undefined) return data;
  const width = (data.length + 3) & ~3;
  const both = new Uint8Array(width + end.length);
  both.set(data);
  both.set(end, width);
  return both;
}
