// Whether a packet met the same fate in two replays, and in what it differs: what anybody outside could tell (verdict,
// frames), what the router keeps (translation, marks) and which path it took.
import { f64, i32, u8, u32 } from '../base/columns.ts';
import { VERDICT_DROP } from '../packet/packet.ts';
import type { PacketColumns } from './columns.ts';

/** The strongest first: a packet is told by its strongest difference. */
export const FATES = ['verdict', 'translation', 'interface', 'mark', 'path', 'frames'] as const;
export type FateName = (typeof FATES)[number];

export const SAME = 0;
export const VERDICT = 1;
export const TRANSLATION = 2;
export const INTERFACE = 4;
export const MARK = 8;
export const PATH = 16;
export const FRAMES = 32;

/** Bits of what differs in a row; 0: the same fate. */
export function fateDifference(a: PacketColumns, b: PacketColumns, row: number): number {
  let bits = SAME;
  const dropped = u8(a.verdict, row) === VERDICT_DROP && u8(b.verdict, row) === VERDICT_DROP;
  if (u8(a.verdict, row) !== u8(b.verdict, row)) bits |= VERDICT;
  if (u32(a.digest, row) !== u32(b.digest, row)) bits |= FRAMES;
  if (u8(a.pathClass, row) !== u8(b.pathClass, row)) bits |= PATH;
  // What became of a dropped packet's marks and translation nobody sees.
  if (dropped) return bits;
  const translated = u32(a.nat, row) !== 0 && u32(b.nat, row) !== 0 && u32(a.nat, row) !== u32(b.nat, row);
  if (translated) bits |= TRANSLATION;
  if ((a.out[row] as number) !== (b.out[row] as number)) bits |= INTERFACE;
  if (u32(a.mark, row) !== u32(b.mark, row) || u32(a.ctMark, row) !== u32(b.ctMark, row)) bits |= MARK;
  return bits;
}

/** Row of FATES of the strongest difference. */
export function strongest(bits: number): number {
  for (let row = 0; row < FATES.length; row++) if ((bits & (1 << row)) !== 0) return row;
  return -1;
}

/** Whether both ended the same, decided by another rule or chain, or for another reason. */
export function otherReason(a: PacketColumns, b: PacketColumns, row: number): boolean {
  return u8(a.reason, row) !== u8(b.reason, row) || i32(a.detail, row) >= 0 !== i32(b.detail, row) >= 0;
}

/** Nanoseconds of a row since the first packet. */
export function timeOf(columns: PacketColumns, row: number): number {
  return f64(columns.timeNs, row);
}
