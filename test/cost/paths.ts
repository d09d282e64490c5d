// Path tables by hand for the tests of the cost layer, made by the real recorder.

import type { PathTable } from '../../src/event/recorder.ts';
import { Recorder } from '../../src/event/recorder.ts';
import type { EventName, EventNames, ExpressionCost, ExpressionShape } from '../../src/event/vocabulary.ts';
import { EVENTS, eventKind } from '../../src/event/vocabulary.ts';

/** An event by name, with its argument. */
export type Step = EventName | readonly [EventName, number];

export interface Packets {
  steps: readonly Step[];
  /** Octets on the wire of each packet. */
  octets?: readonly number[];
  pathClass?: number;
  verdict?: number;
}

/** The table of these packets, in order. */
export function tableOf(rows: readonly Packets[]): PathTable {
  const recorder = new Recorder();
  let number = 0;
  for (const row of rows) {
    for (const octets of row.octets ?? [64]) {
      recorder.begin();
      for (const step of row.steps) {
        if (typeof step === 'string') recorder.event(eventKind(step), 0);
        else recorder.event(eventKind(step[0]), step[1]);
      }
      recorder.end(row.pathClass ?? 0, row.verdict ?? 0, octets, ++number);
    }
  }
  return recorder.table();
}

/** The argument of a 'rule' event. */
export function rule(index: number, evaluated: number): Step {
  return ['rule', (index << 8) | evaluated];
}

/** Names with these chains, each a list of rules, each a list of expressions ('payload', 'payload:16', …). */
export function namesOf(chains: Record<string, string[]>): EventNames {
  return {
    interfaces: ['', 'eth1', 'wan'],
    chains: Object.keys(chains),
    rules: Object.entries(chains).flatMap(([chain, rules]) =>
      rules.map((text, index) => ({ chain, place: index + 1, handle: index + 10, expressions: shapes(text) })),
    ),
    flowtables: ['ft'],
  };
}

function shapes(text: string): ExpressionShape[] {
  return text
    .split(' ')
    .filter((word) => word !== '')
    .map((word) => {
      const [cost, size] = word.split(':');
      return { cost: cost as ExpressionCost, size: Number(size ?? 4) };
    });
}

/** Every kind of event once, with a small argument. */
export const ALL_EVENTS: readonly Step[] = EVENTS.map((event) => [event.name, 1] as const);
