// Shorthand for numbers that we measured ourselves.
import type { Quantity } from '../profile.ts';

/** Measured by us. */
export function measured(value: number, unit: string, source: string): Quantity {
  return { value, unit, source, confidence: 'measured' };
}
