// Tables by word, asked with words of others: 'constructor' and '__proto__' are words like any other.

/** What a table itself has under a key, not what every object has. */
export function own<T>(table: Readonly<Record<string, T>>, key: string): T | undefined {
  return Object.hasOwn(table, key) ? table[key] : undefined;
}
