// What expressions met, added up over the parts of a split replay: whole numbers, so that their order is no matter.
import type { EventNames, ExpressionShape, Work } from '../event/vocabulary.ts';
import { WORK } from '../event/vocabulary.ts';

/** The names of the first part with the work of all. */
export function addWork(parts: readonly EventNames[]): EventNames {
  const [first, ...others] = parts;
  if (first === undefined) throw new Error('nothing to merge');
  if (others.length === 0) return first;
  const rules = first.rules.map((rule, r) => {
    if (!rule.expressions.some((shape) => shape.cost in WORK)) return rule;
    const expressions = rule.expressions.map((shape, e) =>
      others.reduce((sum, names) => withWork(sum, names.rules[r]?.expressions[e]?.work), shape),
    );
    return { ...rule, expressions };
  });
  return { ...first, rules };
}

function withWork(shape: ExpressionShape, other: Work | undefined): ExpressionShape {
  if (other === undefined) return shape;
  const { work } = shape;
  if (work === undefined) return { ...shape, work: other };
  const amounts = work.amounts.map((amount, row) => amount + (other.amounts[row] ?? 0));
  return { ...shape, work: { times: work.times + other.times, amounts } };
}
