// Report section: connections, how many were offloaded and after how many packets, and why the others were not.
import { REFUSALS } from '../event/refusals.ts';
import { columns, count, percent } from './format.ts';
import type { RunReport } from './model.ts';

/** Offload by connection. */
export function flowSection(report: RunReport): string[] {
  const { flows, names } = report.replay.result;
  if (flows.flows === 0) return ['Flows: none tracked'];
  const offloaded = flows.offloadedAfter.reduce((sum, n) => sum + n, 0);
  const lines = [`Flows: ${count(flows.flows)}, offloaded ${count(offloaded)} (${percent(offloaded / flows.flows)})`];
  if (offloaded > 0) {
    const fast = flows.fastPackets + flows.hardwarePackets;
    lines.push(`  after ${afterText(flows.offloadedAfter)}`);
    lines.push(
      `  of their ${count(flows.offloadedPackets)} packets, ${count(fast)} took the fast path ` +
        `(${percent(flows.offloadedPackets > 0 ? fast / flows.offloadedPackets : 0)})`,
    );
  } else if (names.flowtables.length === 0) {
    lines.push('  the ruleset has no flowtable');
  }
  const others = flows.byRefusal.filter((row) => REFUSALS[row.refusal]?.name !== 'offloaded');
  if (others.length > 0) {
    const rows = others
      .sort((a, b) => b.flows - a.flows || a.refusal - b.refusal)
      .map((row) => [count(row.flows), count(row.packets), REFUSALS[row.refusal]?.text ?? '']);
    lines.push(...columns([['flows', 'packets', 'why not'], ...rows], 'rrl', '  '));
  }
  return lines;
}

/** 'packet 3: 12 flows, packet 4: 1 flow'. */
function afterText(after: number[]): string {
  const rows = after.map((flows, packet) => ({ flows, packet })).filter((row) => row.flows > 0);
  const last = after.length - 1;
  const shown = rows.slice(0, 5).map((row) => {
    const packet = row.packet === last ? `${last} or later` : String(row.packet);
    return `packet ${packet}: ${count(row.flows)}`;
  });
  const rest = rows.slice(5).reduce((sum, row) => sum + row.flows, 0);
  return `${shown.join(', ')}${rest > 0 ? `, later: ${count(rest)}` : ''}`;
}
