// Access to the properties of JSON rulesets as nft's parser has it (jansson's json_unpack): what must be there is an error when it is
// missing or of another type; what may be there and is of another type is passed over by nft, which here leaves a warning.
import type { NftError } from '../base/errors.ts';
import type { Family } from '../bytecode/ruleset.ts';
import type { Name } from './ast-commands.ts';
import type { JsonNode, JsonObjectNode } from './json-reader.ts';
import type { Sources } from './source.ts';
import { nearest } from './suggest.ts';

const FAMILIES: readonly Family[] = ['ip', 'ip6', 'inet', 'arp', 'bridge', 'netdev'];

type Kind = JsonNode['kind'];
const KIND_NAMES: Record<Kind, string> = {
  object: 'an object',
  array: 'an array',
  string: 'a string',
  integer: 'an integer',
  real: 'a number with a fraction',
  boolean: 'a boolean',
  null: 'null',
};

/** One JSON ruleset that is being read: its nodes' properties and the errors about them. */
export class JsonInput {
  readonly sources: Sources;
  constructor(sources: Sources) {
    this.sources = sources;
  }

  error(message: string, node: JsonNode, hint?: string): NftError {
    return this.sources.error(message, node.span, hint);
  }

  /** What is here is none of the words that may be: the nearest is suggested. */
  unknown(what: string, text: string, node: JsonNode, words: Iterable<string>): NftError {
    const known = [...words];
    const meant = nearest(text, known);
    const hint =
      meant !== undefined ? `did you mean '${meant}'?` : known.length > 12 ? undefined : `one of ${known.join(', ')}`;
    return this.error(`unknown ${what} '${shorten(text)}'`, node, hint);
  }

  mismatch(what: string, wanted: string, node: JsonNode): NftError {
    return this.error(`${what} must be ${wanted}, not ${KIND_NAMES[node.kind]}`, node);
  }

  asObject(node: JsonNode, what: string): JsonObjectNode {
    if (node.kind !== 'object') throw this.mismatch(what, 'an object', node);
    return node;
  }

  asArray(node: JsonNode, what: string): readonly JsonNode[] {
    if (node.kind !== 'array') throw this.mismatch(what, 'an array', node);
    return node.items;
  }

  /** The only property of an object, as `{"match": …}` has it. */
  only(node: JsonNode, what: string): { key: string; value: JsonNode } {
    const { members } = this.asObject(node, what);
    for (const [key, value] of members) if (members.size === 1) return { key, value };
    throw this.error(`${what} must have one property, not ${members.size}`, node);
  }

  /** A property that must be there. */
  member(object: JsonObjectNode, key: string, what: string): JsonNode {
    const node = object.members.get(key);
    if (node !== undefined) return node;
    const meant = nearest(key, object.members.keys());
    throw this.error(`${what} lacks '${key}'`, object, meant === undefined ? undefined : `it has '${meant}'`);
  }

  /** A string that must be there. */
  string(object: JsonObjectNode, key: string, what: string): Extract<JsonNode, { kind: 'string' }> {
    const node = this.member(object, key, what);
    if (node.kind !== 'string') throw this.mismatch(`'${key}' of ${what}`, 'a string', node);
    return node;
  }

  /** A string that must be there and is one of some. */
  word<Word extends string>(object: JsonObjectNode, key: string, what: string, words: readonly Word[]): Word {
    const node = this.string(object, key, what);
    const word = words.find((candidate) => candidate === node.value);
    if (word === undefined) throw this.unknown(`${key} of ${what}`, node.value, node, words);
    return word;
  }

  /** An integer that must be there. */
  integer(object: JsonObjectNode, key: string, what: string, max: number, min = 0): number {
    const node = this.member(object, key, what);
    if (node.kind !== 'integer') throw this.mismatch(`'${key}' of ${what}`, 'an integer', node);
    return this.#bounded(node, key, what, max, min);
  }

  optionalString(object: JsonObjectNode, key: string): Extract<JsonNode, { kind: 'string' }> | undefined {
    const node = object.members.get(key);
    if (node === undefined || node.kind === 'string') return node;
    this.#passOver(key, 'string', node);
    return undefined;
  }

  optionalWord<Word extends string>(
    object: JsonObjectNode,
    key: string,
    what: string,
    words: readonly Word[],
  ): Word | undefined {
    return this.optionalString(object, key) === undefined ? undefined : this.word(object, key, what, words);
  }

  optionalInteger(object: JsonObjectNode, key: string, what: string, max: number, min = 0): number | undefined {
    const node = object.members.get(key);
    if (node === undefined) return undefined;
    if (node.kind === 'integer') return this.#bounded(node, key, what, max, min);
    this.#passOver(key, 'integer', node);
    return undefined;
  }

  optionalBoolean(object: JsonObjectNode, key: string): boolean {
    const node = object.members.get(key);
    if (node === undefined) return false;
    if (node.kind === 'boolean') return node.value;
    this.#passOver(key, 'boolean', node);
    return false;
  }

  /** One word or an array of words; none when the property is absent. */
  flags<Word extends string>(object: JsonObjectNode, key: string, what: string, words: readonly Word[]): Word[] {
    const node = object.members.get(key);
    if (node === undefined) return [];
    const items = node.kind === 'array' ? node.items : [node];
    return items.map((item) => {
      if (item.kind !== 'string') throw this.mismatch(`'${key}' of ${what}`, 'a string or an array of strings', item);
      const word = words.find((candidate) => candidate === item.value);
      if (word === undefined) throw this.unknown(`flag of ${what}`, item.value, item, words);
      return word;
    });
  }

  /** `"family"` of an object of the ruleset. */
  family(object: JsonObjectNode, what: string): Family {
    return this.word(object, 'family', what, FAMILIES);
  }

  /** `"family"` of an expression or statement: ip or ip6, or absent. */
  internetFamily(object: JsonObjectNode, what: string): 'ip' | 'ip6' | undefined {
    return this.optionalWord(object, 'family', what, ['ip', 'ip6']);
  }

  /** A name that must be there. */
  name(object: JsonObjectNode, key: string, what: string): Name {
    const node = this.string(object, key, what);
    if (node.value === '') throw this.error(`'${key}' of ${what} is empty`, node);
    return { text: node.value, span: node.span };
  }

  /** `"comment"`, of at most 128 octets. */
  comment(object: JsonObjectNode): string | undefined {
    const node = this.optionalString(object, 'comment');
    if (node !== undefined && Buffer.byteLength(node.value) > 128)
      throw this.error('comment too long, 128 characters maximum allowed', node);
    return node?.value;
  }

  #bounded(node: Extract<JsonNode, { kind: 'integer' }>, key: string, what: string, max: number, min: number): number {
    if (node.value > BigInt(max) || node.value < BigInt(min))
      throw this.error(`'${key}' of ${what} must be between ${min} and ${max}, not ${node.value}`, node);
    return Number(node.value);
  }

  #passOver(key: string, wanted: string, node: JsonNode): void {
    this.sources.warn(`'${key}' is passed over: nft reads it only as ${wanted}`, node.span);
  }
}

function shorten(text: string): string {
  return text.length > 40 ? `${text.slice(0, 37)}...` : text;
}
