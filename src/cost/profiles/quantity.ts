// Shorthand for the rows of the profiles: a number with its unit and where it comes from.
import type { Confidence, Profile, Quantity, QuantityKey } from '../profile.ts';

/** A profile that leaves common values out. */
export type PartialProfile = Omit<Profile, QuantityKey> & Partial<Record<QuantityKey, Quantity>>;

type Range = readonly [low: number, high: number];

function quantity(confidence: Confidence, value: number, unit: string, source: string, range?: Range): Quantity {
  return { value, unit, source, confidence, ...(range === undefined ? {} : { low: range[0], high: range[1] }) };
}

/** Measured by us. */
export function measured(value: number, unit: string, source: string): Quantity {
  return quantity('measured', value, unit, source);
}
/** Published figures, or what follows from them by the arithmetic that the source shows. [id]: row of published.json. */
export function published(value: number, unit: string, source: string, range?: Range): Quantity {
  return quantity('published', value, unit, source, range);
}
/** What a vendor or its driver says. */
export function datasheet(value: number, unit: string, source: string): Quantity {
  return quantity('datasheet', value, unit, source);
}
/** Our guess; the source says what it leans on. */
export function estimate(value: number, unit: string, source: string, range?: Range): Quantity {
  return quantity('estimate', value, unit, source, range);
}
