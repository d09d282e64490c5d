// A value of a suite on one line, as it may stand there.

/** 'forward', '{ forward: 5, drop: 5 }', '[a, b]'. */
export function stringify(value: unknown): string {
  if (Array.isArray(value)) return `[${value.map(stringify).join(', ')}]`;
  if (typeof value === 'object' && value !== null) {
    const rows = Object.entries(value).map(([key, row]) => `${key}: ${stringify(row)}`);
    return rows.length === 0 ? '{}' : `{ ${rows.join(', ')} }`;
  }
  return value === undefined ? 'nothing' : String(value);
}
