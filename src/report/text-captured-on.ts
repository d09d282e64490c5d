// Report section of --captured-on: how far the emulated router sent what the capture shows the real one sending.
import type { CapturedOnSummary } from '../replay/captured-on.ts';
import { columns, count, percent, visible, wrap } from './format.ts';
import type { RunReport } from './model.ts';

const WIDTH = 100;
/** Disagreements that the text lists; --format json has more. */
const LISTED = 10;

const KINDS = { 'not-sent': 'not sent', elsewhere: 'sent by another interface', differs: 'sent with other contents' };

/** Empty when the option was not given. */
export function capturedOnSection(report: RunReport): string[] {
  const found = report.replay.result.capturedOn;
  if (found === undefined) return [];
  const compared = found.agreed + found.disagreed;
  const where = found.device === 'any' ? 'all interfaces' : visible(found.device);
  const verdict =
    compared === 0
      ? 'nothing that the router sent could be compared'
      : `${count(found.agreed)} of ${count(compared)} packets that the router sent come out octet for octet ` +
        `(${percent(found.agreed / compared)})`;
  const lines = [`Captured on ${where}: ${verdict}`];
  const rest = [
    `${count(found.arrived)} packets arrived there and were replayed as they are`,
    ...(found.translated > 0 ? [`of ${count(found.translated)} sent ones the translation was undone first`] : []),
    ...(found.own > 0 ? [`${count(found.own)} were the router's own`] : []),
    ...(found.originUnknown > 0
      ? [`of ${count(found.originUnknown)} it cannot be known what they were made from: not replayed`]
      : []),
  ];
  lines.push(...wrap(`${rest.join('; ')}.`, WIDTH, '  ', '  '));
  if (found.disagreed > 0) lines.push(...disagreements(found));
  return lines;
}

function disagreements(found: CapturedOnSummary): string[] {
  const listed = found.disagreements.slice(0, LISTED);
  const rows = listed.map((row) => [count(row.packet), KINDS[row.kind], visible(row.detail)]);
  const lines = columns([['packet', 'the emulated one', 'why, or what'], ...rows], 'rll', '  ').map((line) =>
    line.length > WIDTH ? `${line.slice(0, WIDTH - 1)}…` : line,
  );
  const more = found.disagreed - listed.length;
  if (more > 0) lines.push(`  and ${count(more)} more (--format json lists the first 100)`);
  return lines;
}
