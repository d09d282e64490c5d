// A profile as text of at most 100 columns: every number with its unit, confidence and source.
import type { Profile, Quantity } from './profile.ts';
import { HARDWARE_QUANTITIES, QUANTITIES } from './profile.ts';
import { SOURCES } from './sources.ts';
import { WEIGHTS } from './weights/tables.ts';

const WIDTH = 100;
const INDENT = 6;
const CONTINUATION = 4;

/** Lines that say what a profile rests on. Everything priced with it is estimated. */
export function describeProfile(profile: Profile): string {
  const weights = WEIGHTS[profile.instructionSet];
  const lines = [
    ...wrap(`${profile.name}: ${profile.title}`, 0),
    ...(profile.aliases.length > 0 ? wrap(`also called ${profile.aliases.join(', ')}`, 2) : []),
    '  All costs are estimated: instructions x cycles per instruction + receive + send + octets.',
  ];
  for (const { key, text } of QUANTITIES) lines.push(...quantityLines(text, profile[key]));
  lines.push(`  instruction set: ${profile.instructionSet}`);
  lines.push(...wrap(`weights: ${weights.source}${fitText(weights)}`, INDENT));
  lines.push(...wrap(`hardware offload: ${profile.hardware.present ? 'yes' : 'no'}, ${profile.hardware.what}`, 2));
  for (const { key, text } of HARDWARE_QUANTITIES) {
    const quantity = profile.hardware[key];
    if (quantity !== undefined) lines.push(...quantityLines(text, quantity));
  }
  for (const note of profile.notes) lines.push(...wrap(`note: ${note}`, 2));
  lines.push(...sourceLines(lines.join('\n')));
  return `${lines.join('\n')}\n`;
}

function fitText(weights: { scenarios: number; medianError: number; worstError: number }): string {
  if (weights.scenarios === 0) return '';
  const percent = (value: number) => `${(value * 100).toFixed(1)}%`;
  return `; ${weights.scenarios} scenarios, median error ${percent(weights.medianError)}, worst ${percent(weights.worstError)}`;
}

/** What the ids in brackets stand for, those that a computed figure rests on included. */
function sourceLines(text: string): string[] {
  const ids = new Set<string>();
  const collect = (from: string): void => {
    for (const [, id = ''] of from.matchAll(/\[([a-z]\d+)\]/g)) {
      if (ids.has(id) || SOURCES[id] === undefined) continue;
      ids.add(id);
      collect(SOURCES[id]);
    }
  };
  collect(text);
  return ids.size === 0
    ? []
    : ['  sources', ...[...ids].sort().flatMap((id) => wrap(`[${id}] ${SOURCES[id]}`, INDENT))];
}

function quantityLines(text: string, quantity: Quantity): string[] {
  const range =
    quantity.low !== undefined && quantity.high !== undefined && quantity.high > quantity.low
      ? ` (${number(quantity.low)} to ${number(quantity.high)})`
      : '';
  return [
    ...wrap(`${text}: ${number(quantity.value)} ${quantity.unit}${range}, ${quantity.confidence}`, 2),
    ...wrap(quantity.source, INDENT),
  ];
}

function number(value: number): string {
  return Number.isInteger(value) ? value.toLocaleString('en-US') : String(Math.round(value * 1000) / 1000);
}

/** Words broken at the width; a word longer than a line is cut into pieces. */
function wrap(text: string, indent: number): string[] {
  const room = WIDTH - Math.max(indent, CONTINUATION);
  const lines: string[] = [];
  let line = '';
  for (const word of text.split(/\s+/)) {
    for (let at = 0; at < word.length || at === 0; at += room) {
      const piece = word.slice(at, at + room);
      if (line !== '' && line.length + 1 + piece.length > room) {
        lines.push(line);
        line = '';
      }
      line = line === '' ? piece : `${line} ${piece}`;
    }
  }
  lines.push(line);
  return lines.map((row, index) => ' '.repeat(index === 0 ? indent : Math.max(indent, CONTINUATION)) + row);
}
