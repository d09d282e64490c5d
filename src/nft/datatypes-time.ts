// Text of times as nft reads and lists them (nftables src/datatype.c time_print, meta.c date_type and hour_type):
// durations (`1d2h3m4s5ms`), points in time (`2024-01-31 12:00:00`) and hours of the day (`17:00`).
// SIMPLIFIED: time-zone: the router's time zone is UTC; nft uses that of the process.

const DURATION = /^(?:(\d+)w)?(?:(\d+)d)?(?:(\d+)h)?(?:(\d+)m(?!s))?(?:(\d+)s)?(?:(\d+)ms)?$/;

/** Milliseconds of `1w2d3h4m5s6ms` (any of the parts, in that order) or of bare seconds. */
export function parseDurationMs(text: string): number | undefined {
  if (/^\d+$/.test(text)) return Number(text) * 1000;
  const match = DURATION.exec(text);
  if (match === null || text === '') return undefined;
  const part = (index: number): number => Number(match[index] ?? 0);
  const days = part(1) * 7 + part(2);
  return (((days * 24 + part(3)) * 60 + part(4)) * 60 + part(5)) * 1000 + part(6);
}

/** `1d2h3m4s5ms`, parts that are zero left out; `0s` for nothing. */
export function formatDurationMs(milliseconds: number): string {
  let seconds = Math.floor(milliseconds / 1000);
  const ms = Math.floor(milliseconds % 1000);
  const days = Math.floor(seconds / 86400);
  seconds %= 86400;
  const hours = Math.floor(seconds / 3600);
  seconds %= 3600;
  const minutes = Math.floor(seconds / 60);
  seconds %= 60;
  const parts: [number, string][] = [
    [days, 'd'],
    [hours, 'h'],
    [minutes, 'm'],
    [seconds, 's'],
    [ms, 'ms'],
  ];
  const text = parts.map(([count, unit]) => (count > 0 ? `${count}${unit}` : '')).join('');
  return text === '' ? '0s' : text;
}

/** Value of `ct expiration`: milliseconds. */
export function parseDuration(text: string): bigint | undefined {
  const milliseconds = parseDurationMs(text);
  return milliseconds === undefined ? undefined : BigInt(milliseconds);
}
/** Text of `ct expiration`. */
export function formatDuration(value: bigint): string {
  return formatDurationMs(Number(value));
}

/** Value of `meta time`: nanoseconds since 1970 of `YYYY-MM-DD[ HH:MM[:SS]]`; undefined for bare numbers of seconds too. */
export function parseTimestamp(text: string): bigint | undefined {
  const match = /^(\d{4})-(\d{2})-(\d{2})(?:[ T](\d{1,2}):(\d{2})(?::(\d{2}))?)?$/.exec(text);
  if (match === null) return /^\d+$/.test(text) ? BigInt(text) * 1_000_000_000n : undefined;
  const part = (index: number): number => Number(match[index] ?? 0);
  const milliseconds = Date.UTC(part(1), part(2) - 1, part(3), part(4), part(5), part(6));
  return Number.isNaN(milliseconds) ? undefined : BigInt(milliseconds) * 1_000_000n;
}
/** Text of `meta time`, quoted. */
export function formatTimestamp(value: bigint): string {
  const milliseconds = Number(value / 1_000_000n);
  if (!(Math.abs(milliseconds) <= 8.64e15)) return 'Error converting timestamp to printed time';
  const iso = new Date(milliseconds).toISOString();
  return `"${iso.slice(0, -5).replace('T', ' ')}"`;
}

/** Value of `meta hour`: seconds since midnight of `HH:MM[:SS]` (24:00 is the day's end). */
export function parseHour(text: string): bigint | undefined {
  const match = /^(\d{1,2}):(\d{2})(?::(\d{2}))?$/.exec(text);
  if (match === null) return undefined;
  const [hours, minutes, seconds] = [Number(match[1]), Number(match[2]), Number(match[3] ?? 0)];
  if (hours > 24 || minutes > 59 || seconds > 59) return undefined;
  return BigInt(hours * 3600 + minutes * 60 + seconds);
}
/** Text of `meta hour`, quoted; seconds only when there are some. */
export function formatHour(value: bigint): string {
  const seconds = Number(value);
  const two = (part: number): string => String(part).padStart(2, '0');
  const rest = seconds % 60;
  const clock = `${two(Math.floor(seconds / 3600))}:${two(Math.floor((seconds % 3600) / 60))}`;
  return rest === 0 ? `"${clock}"` : `"${clock}:${two(rest)}"`;
}
