// Wrong checksums as a reader should know them: hosts all of whose packets are wrong were captured before their network
// card filled the checksums in, and conntrack takes such packets as INVALID; single ones are damage.
import type { ChecksumRow } from '../event/checksum-census.ts';
import { formatAddress } from '../packet/address.ts';
import { count } from './format.ts';

/** Fewer wrong packets of a source say nothing about its network card. */
const FEW = 3;

export interface WrongChecksums {
  packets: number;
  /** Sources at least half of whose packets are wrong, most first. */
  senders: { source: string; wrong: number; verified: number }[];
}

/** What conntrack found wrong. */
export function wrongChecksums(rows: readonly ChecksumRow[]): WrongChecksums {
  const senders = rows.flatMap(({ right, wrong, source }) =>
    source === undefined || wrong < FEW || wrong < right
      ? []
      : [{ source: addressOf(source), wrong, verified: right + wrong }],
  );
  senders.sort((a, b) => b.wrong - a.wrong || (a.source < b.source ? -1 : 1));
  return { packets: rows.reduce((sum, row) => sum + row.wrong, 0), senders };
}

/** Sentences for the report. `headers`: packets dropped for a wrong IPv4 header checksum; `fixed`: by --fix-checksums. */
export function checksumNotes({ packets, senders }: WrongChecksums, headers: number, fixed: number): string[] {
  const notes: string[] = [];
  if (headers > 0) {
    notes.push(
      `${count(headers)} packets have a wrong IPv4 header checksum, and the router drops them; if the capture was altered ` +
        '(anonymised, for example), --fix-checksums mends them',
    );
  }
  const [first] = senders;
  if (first !== undefined) {
    const wrong = senders.reduce((sum, row) => sum + row.wrong, 0);
    const verified = senders.reduce((sum, row) => sum + row.verified, 0);
    const who = senders.length === 1 ? first.source : `${first.source} and ${count(senders.length - 1)} more`;
    notes.push(
      `${count(wrong)} of ${count(verified)} packets from ${who} have a wrong checksum, and conntrack takes them as ` +
        'invalid: most likely they were captured on their sender, before its network card filled the checksum in; ' +
        '--fix-checksums replays them as they were on the wire',
    );
  }
  const rest = packets - senders.reduce((sum, row) => sum + row.wrong, 0);
  if (rest > 0)
    notes.push(
      `${count(rest)} ${rest === 1 ? 'packet has' : 'packets have'} a wrong checksum: conntrack takes what it finds so as invalid`,
    );
  if (fixed > 0) notes.push(`--fix-checksums mended the checksums of ${count(fixed)} packets before they entered`);
  return notes;
}

function addressOf(words: readonly number[]): string {
  const octets = Buffer.alloc(words.length * 4);
  for (const [i, word] of words.entries()) octets.writeUInt32BE(word, i * 4);
  return formatAddress(octets);
}
