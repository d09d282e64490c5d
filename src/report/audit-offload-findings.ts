// Findings of an audit about what is offloaded, and what is not: devices, order of rules, the kernel's conditions, cycles.
import type { SourceLocation } from '../base/errors.ts';
import type { Audit } from '../compare/audit/audit.ts';
import { deviceList } from '../compare/audit/candidate.ts';
import type { DeviceReport } from '../compare/audit/devices.ts';
import { REMEDIES } from './audit-remedies.ts';
import { finding, fixText, flows, flowtables, placedRule, sum, textOf } from './audit-words.ts';
import type { Finding } from './findings.ts';
import { count, duration, percent } from './format.ts';
import { placedRules } from './rule-text.ts';

/** Findings about connections: which are not offloaded, where and why, and which do not gain. */
export function offloadFindings(audit: Audit): Finding[] {
  return [
    ...nothingFinding(audit),
    ...audit.devices.flatMap((report) => deviceFinding(audit, report)),
    ...passedOverFinding(audit),
    ...flowFindings(audit),
    ...againFinding(audit),
    ...shortFlowsFinding(audit),
  ];
}

function nothingFinding(audit: Audit): Finding[] {
  const { flows: summary } = audit.asRuled.replay.result;
  if (fastOf(audit) > 0) return [];
  const { before, leftOut } = audit.asRuled.neverAdded;
  if (before.length > 0) return [];
  const most = candidates(audit).find((row) => row.name !== 'no-rule');
  const why =
    leftOut.flows > 0
      ? `the matches of \`flow add\` leave out ${flows(leftOut.flows)} (${count(leftOut.packets)} packets) of TCP and UDP`
      : most === undefined
        ? 'the capture has no connection that could'
        : `mostly: ${most.text}`;
  return [
    finding(
      'audit/nothing-offloaded',
      most === undefined && leftOut.flows === 0 ? 'note' : 'warning',
      `not one packet takes the fast path; ${why}`,
      (leftOut.flows > 0 ? flowAddLocation(audit) : undefined) ?? flowtables(audit)[0]?.location,
      most === undefined || leftOut.flows > 0 ? undefined : REMEDIES[most.name],
      { flows: summary.flows },
    ),
  ];
}

function fastOf(audit: Audit): number {
  const { fastPackets, hardwarePackets } = audit.asRuled.replay.result.flows;
  return fastPackets + hardwarePackets;
}

function flowAddLocation(audit: Audit): SourceLocation | undefined {
  const rules = placedRules(audit.inputs.replay.ruleset);
  return rules.find(({ rule }) => rule.expressions.some((row) => row.kind === 'flow-offload'))?.rule.location;
}

/** Refusals that can be changed, most packets first. */
function candidates(audit: Audit) {
  return audit.asRuled.refusals
    .filter((row) => row.name !== 'offloaded' && !REMEDIES[row.name].startsWith('nothing'))
    .sort((a, b) => b.packets - a.packets);
}

function deviceFinding(audit: Audit, report: DeviceReport): Finding[] {
  const blind = report.ways.filter((way) => way.hitsAt === undefined && way.packets > 0);
  if (blind.length === 0) return [];
  const passed = blind.reduce((sum, way) => sum + way.passedBy, 0);
  const all = blind.reduce((sum, way) => sum + way.packets, 0);
  const fix = audit.deviceFixes.get(report.flowtable);
  const wanted = report.wanted === undefined ? undefined : `devices = ${deviceList(report.wanted)}`;
  const ways = blind.map((way) => `${way.stack.join(' > ')} (${way.why})`).join('; ');
  const help = fix !== undefined ? fixText(fix) : undefined;
  const flowtable = flowtables(audit).find((row) => row.name === report.flowtable.split(' ')[2]);
  return [
    finding(
      'audit/devices',
      passed > 0 ? 'warning' : 'note',
      `frames that enter at ${ways} never hit the flowtable: ${count(all)} packets, ` +
        `${count(passed)} of them of offloaded connections`,
      flowtable?.location,
      help,
      {
        packets: all,
        passedBy: passed,
        devices: report.devices,
        ...(wanted === undefined ? {} : { wanted: report.wanted }),
      },
    ),
  ];
}

/** TCP and UDP that a rule accepts before it comes to `flow add`. */
function passedOverFinding(audit: Audit): Finding[] {
  const passedOver = audit.asRuled.neverAdded.before;
  const [most] = passedOver;
  if (most === undefined) return [];
  const total = { flows: sum(passedOver.map((row) => row.flows)), packets: sum(passedOver.map((row) => row.packets)) };
  const where = most.rule < 0 ? '' : `; most of them (${count(most.packets)} packets) are let go by this rule before`;
  const help = audit.orderFix === undefined ? REMEDIES['no-rule'] : fixText(audit.orderFix);
  return [
    finding(
      'audit/passed-over',
      total.packets * 20 >= audit.off.columns.packets ? 'warning' : 'note',
      `${flows(total.flows)} (${count(total.packets)} packets) of TCP and UDP never come to \`flow add\`${where}`,
      placedRule(audit, most.rule)?.rule.location,
      help,
      { ...total, ...(most.rule < 0 ? {} : { text: textOf(audit, most.rule) }) },
    ),
  ];
}

function flowFindings(audit: Audit): Finding[] {
  return candidates(audit)
    .filter((row) => row.name !== 'device-not-in-flowtable' && row.name !== 'no-rule')
    .map((row) =>
      finding(
        'audit/not-offloaded',
        'note',
        `${flows(row.flows)} (${count(row.packets)} packets) not offloaded: ${row.text}`,
        undefined,
        REMEDIES[row.name],
        { reason: row.name, flows: row.flows, packets: row.packets, bytes: row.bytes },
      ),
    );
}

/** Flows that aged out, or were closed too early, and were made anew. */
function againFinding(audit: Audit): Finding[] {
  const { flows: number, times, longestIdleNs } = audit.asRuled.again;
  if (number === 0) return [];
  const isAged = longestIdleNs >= FLOW_TIMEOUT_NS;
  const why = isAged ? `idle for up to ${duration(longestIdleNs)}` : 'closed by one side, or reset, and still in use';
  const message = `${flows(number)} offloaded again, ${count(times)} times in all: ${why}`;
  const help = isAged
    ? 'flows are given up after 30 s without a packet: net.netfilter.nf_flowtable_tcp_timeout, nf_flowtable_udp_timeout'
    : undefined;
  return [
    finding('audit/not-offloaded', 'note', message, undefined, help, {
      reason: 'aged-out',
      flows: number,
      times,
      longestIdleNs,
    }),
  ];
}

function shortFlowsFinding(audit: Audit): Finding[] {
  const { all, paysFrom } = audit.asRuled.costs;
  if (
    fastOf(audit) === 0 ||
    all.losers === 0 ||
    (all.lostCycles < all.cyclesOff * 0.01 && audit.thresholdFix === undefined)
  )
    return [];
  const isLoss = all.cyclesOn > all.cyclesOff;
  const pays = paysFrom === undefined ? 'none gains' : `connections gain from ${count(paysFrom)} packets on`;
  const message =
    `${flows(all.losers)} of ${count(all.flows)} cost more with ${audit.asRuled.mode} offload: ` +
    `${percent(all.lostCycles / Math.max(1, all.cyclesOff))} of all cycles lost; ${pays} (estimated)`;
  return [
    finding(
      'audit/short-flows',
      isLoss ? 'warning' : 'note',
      message,
      undefined,
      audit.thresholdFix === undefined ? undefined : fixText(audit.thresholdFix),
      { losers: all.losers, flows: all.flows, lostCycles: all.lostCycles, paysFrom: paysFrom ?? null },
    ),
  ];
}

/** NF_FLOW_TIMEOUT. */
const FLOW_TIMEOUT_NS = 30e9;
