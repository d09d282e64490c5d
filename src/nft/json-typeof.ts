// The text after `typeof` in a set's declaration to JSON, as nft 1.1 lists it: `ip saddr . meta mark`.
import { CT_SELECTORS, META_SELECTORS } from './datatypes-selectors.ts';
import { findProtocol, IPV6_HEADERS } from './headers.ts';
import type { Json } from './json-expression.ts';

/** The JSON of a typeof text. */
export function jsonTypeof(text: string): Json {
  const parts = text.split(' . ').map(selector);
  const [only] = parts;
  return { typeof: parts.length === 1 && only !== undefined ? only : { concat: parts } };
}

function selector(text: string): Json {
  const words = text.trim().split(/\s+/);
  const [first = '', second = '', ...rest] = words;
  const tail = [second, ...rest].join(' ');
  if (first === 'meta') return { meta: { key: tail } };
  if (first === 'ct') return ct(words.slice(1));
  if (Object.values(META_SELECTORS).some(({ word, unqualified }) => unqualified === true && word === text))
    return { meta: { key: text } };
  if (first === 'tcp' && second === 'option') return { 'tcp option': { name: rest[0] ?? '', field: rest[1] ?? '' } };
  if (first === 'ip' && second === 'option') return { 'ip option': { name: rest[0] ?? '', field: rest[1] ?? '' } };
  if (['vxlan', 'geneve', 'gre', 'gretap'].includes(first) && rest.length > 0) {
    return { payload: { tunnel: first, protocol: second, field: rest.join(' ') } };
  }
  const numgen = /^numgen (inc|random) mod (\d+)(?: offset (\d+))?$/.exec(text);
  if (numgen !== null)
    return { numgen: { mode: numgen[1] ?? 'inc', mod: Number(numgen[2]), offset: Number(numgen[3] ?? 0) } };
  const raw = /^@(\w+),(\d+),(\d+)$/.exec(text);
  if (raw !== null) return { payload: { base: raw[1] ?? '', offset: Number(raw[2]), len: Number(raw[3]) } };
  if (findProtocol(first) !== undefined) return { payload: { protocol: first, field: tail } };
  if (IPV6_HEADERS.some((header) => header.name === first)) return { exthdr: { name: first, field: tail } };
  return text;
}

function ct(words: string[]): Json {
  const [first = '', ...rest] = words;
  const isDirection = first === 'original' || first === 'reply';
  const key = isDirection ? rest.join(' ') : words.join(' ');
  const known = Object.values(CT_SELECTORS).some(({ word }) => word === key);
  return { ct: isDirection && known ? { key, dir: first } : { key } };
}
