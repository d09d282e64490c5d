// Numbers and text for people: thousands separated, units, columns, and nothing that a terminal would obey.

/** '1,234,567'. */
export function count(value: number): string {
  return Math.round(value)
    .toString()
    .replace(/\B(?=(\d{3})+(?!\d))/g, ',');
}

/** '4.1 MB', decimal units. */
export function octets(value: number): string {
  const units = ['B', 'kB', 'MB', 'GB', 'TB'];
  let scaled = value;
  let unit = 0;
  while (scaled >= 999.5 && unit < units.length - 1) {
    scaled /= 1000;
    unit++;
  }
  return `${unit === 0 || scaled >= 99.95 ? count(scaled) : scaled.toFixed(1)} ${units[unit]}`;
}

/** '12.3 %'. */
export function percent(share: number): string {
  return `${(share * 100).toFixed(1)} %`;
}

/** '12 d 03 h', '1 h 02 min', '3 min 20 s', '27.3 s', '4.2 ms'. */
export function duration(nanoseconds: number): string {
  const seconds = nanoseconds / 1e9;
  if (seconds >= 172_800)
    return `${count(Math.floor(seconds / 86_400))} d ${pad2(Math.floor((seconds % 86_400) / 3600))} h`;
  if (seconds >= 3600) return `${Math.floor(seconds / 3600)} h ${pad2(Math.floor((seconds % 3600) / 60))} min`;
  if (seconds >= 120) return `${Math.floor(seconds / 60)} min ${pad2(Math.floor(seconds % 60))} s`;
  if (seconds >= 0.1 || seconds === 0) return `${seconds.toFixed(1)} s`;
  return `${(seconds * 1000).toFixed(1)} ms`;
}

function pad2(value: number): string {
  return value.toString().padStart(2, '0');
}

/** Nanoseconds since 1970 as '2026-01-01 00:00:00.000000000 UTC' (nine digits). */
export function utcTime(nanoseconds: bigint): string {
  const seconds = nanoseconds / 1_000_000_000n;
  const rest = nanoseconds - seconds * 1_000_000_000n;
  const date = new Date(Number(seconds) * 1000);
  if (Number.isNaN(date.getTime())) return `${nanoseconds} ns since 1970`;
  return `${date.toISOString().slice(0, 19).replace('T', ' ')}.${rest.toString().padStart(9, '0')} UTC`;
}

/** Control characters become visible: captures and rulesets are hostile, a terminal obeys them. */
export function visible(text: string): string {
  // biome-ignore lint/suspicious/noControlCharactersInRegex: these are what must not reach a terminal
  return text.replace(/[\u0000-\u001f\u007f-\u009f\u200e\u200f\u202a-\u202e\u2066-\u2069]/g, (character) => {
    const code = character.charCodeAt(0);
    return code < 256 ? `\\x${code.toString(16).padStart(2, '0')}` : `\\u${code.toString(16)}`;
  });
}

/** Rows as columns: `align` has one letter a column, l or r. Two blanks between columns. */
export function columns(rows: string[][], align: string, indent = ''): string[] {
  const widths = [...align].map((_, column) => Math.max(0, ...rows.map((row) => (row[column] ?? '').length)));
  return rows.map((row) => {
    const cells = [...align].map((side, column) => {
      const cell = row[column] ?? '';
      const width = widths[column] ?? 0;
      return side === 'r' ? cell.padStart(width) : cell.padEnd(width);
    });
    return (indent + cells.join('  ')).trimEnd();
  });
}

/** Text broken at blanks (or after commas in a long word) to lines of at most `width`, the first with another indent. */
export function wrap(text: string, width: number, firstIndent: string, indent: string): string[] {
  const lines: string[] = [];
  let line = firstIndent;
  let isEmpty = true;
  for (const word of text.split(' ')) {
    let rest = word;
    if (!isEmpty && line.length + 1 + rest.length > width) {
      lines.push(line);
      line = indent;
      isEmpty = true;
    }
    while (line.length + (isEmpty ? 0 : 1) + rest.length > width) {
      const room = Math.max(8, width - line.length);
      lines.push(line + rest.slice(0, room));
      rest = rest.slice(room);
      line = indent;
    }
    line += isEmpty ? rest : ` ${rest}`;
    isEmpty = false;
  }
  lines.push(line);
  return lines;
}

/** A text cut to `width`, with an ellipsis when something is missing. */
export function cut(text: string, width: number): string {
  return text.length <= width ? text : `${text.slice(0, Math.max(0, width - 1))}…`;
}
