// Numbers of expectations: exact, or compared: '>= 3', '< 2000', '!= 0', '3..5', '1200 +- 5%', '>= 90%'.
import type { Quantity } from './schema.ts';

interface Range {
  low: number;
  high: number;
  /** Ends that do not belong. */
  isOpen: boolean;
  isNot: boolean;
}

const NUMBER = String.raw`(-?\d+(?:\.\d+)?)\s*(%?)`;

/** Whether a text is one; a per cent sign divides by 100. */
export function quantityRange(quantity: Quantity): Range | undefined {
  if (typeof quantity === 'number') return { low: quantity, high: quantity, isOpen: false, isNot: false };
  const text = quantity.trim();
  const compared = new RegExp(`^(>=|<=|>|<|!=|=)?\\s*${NUMBER}$`).exec(text);
  if (compared !== null) {
    const value = amount(compared[2], compared[3]);
    switch (compared[1]) {
      case '>=':
        return { low: value, high: Number.POSITIVE_INFINITY, isOpen: false, isNot: false };
      case '>':
        return { low: value, high: Number.POSITIVE_INFINITY, isOpen: true, isNot: false };
      case '<=':
        return { low: Number.NEGATIVE_INFINITY, high: value, isOpen: false, isNot: false };
      case '<':
        return { low: Number.NEGATIVE_INFINITY, high: value, isOpen: true, isNot: false };
      default:
        return { low: value, high: value, isOpen: false, isNot: compared[1] === '!=' };
    }
  }
  const between = new RegExp(`^${NUMBER}\\s*\\.\\.\\s*${NUMBER}$`).exec(text);
  if (between !== null) {
    return { low: amount(between[1], between[2]), high: amount(between[3], between[4]), isOpen: false, isNot: false };
  }
  const about = new RegExp(`^${NUMBER}\\s*(?:\\+-|±)\\s*${NUMBER}$`).exec(text);
  if (about === null) return undefined;
  const middle = amount(about[1], about[2]);
  // A tolerance in per cent is of the value, unless the value is a share itself.
  const isPart = about[4] === '%' && about[2] !== '%';
  const tolerance = isPart ? Math.abs(middle) * amount(about[3], '%') : amount(about[3], about[4]);
  return { low: middle - tolerance, high: middle + tolerance, isOpen: false, isNot: false };
}

/** Whether a value is what a quantity asks for. */
export function isQuantity(quantity: Quantity, value: number): boolean {
  const range = quantityRange(quantity);
  if (range === undefined) return false;
  const { low, high, isOpen, isNot } = range;
  const slack = Math.abs(value) * 1e-9;
  const isIn = isOpen ? value > low && value < high : value >= low - slack && value <= high + slack;
  return isIn !== isNot;
}

function amount(text: string | undefined, unit: string | undefined): number {
  return unit === '%' ? Number(text) / 100 : Number(text);
}
