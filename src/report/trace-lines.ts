// What a walk's steps say that the kernel cannot print: one sentence a step, or none. src/report/trace-text.ts lays them out.
import type { SourceLocation } from '../base/errors.ts';
import { REASONS } from '../event/reasons.ts';
import { REFUSALS } from '../event/refusals.ts';
import { withPort } from '../replay/trace-frame.ts';
import type { FieldChange, TracedConnection, TracedTuple, TraceStep } from '../replay/trace-steps.ts';
import { count, visible } from './format.ts';
import { type RuleTexts, traceId } from './trace-nft.ts';

type Step<Kind extends TraceStep['kind']> = Extract<TraceStep, { kind: Kind }>;

/** The sentences of a step: the first stands for it, further ones tell more of it. */
export function stepLines(step: TraceStep, packet: number, rules: RuleTexts): string[] {
  switch (step.kind) {
    case 'receive':
      // The first line of the walk says it.
      return [];
    case 'device':
      return [deviceLine(step)];
    case 'hook':
      return [step.device === undefined ? `hook ${step.hook}` : `hook ${step.hook} of ${visible(step.device)}`];
    case 'packet':
      return [];
    case 'rule':
      return [`  ${placeOf(step)}${missedText(step)}`];
    case 'chain-end':
      return step.base && step.missed === undefined ? [] : [`  end of chain ${visible(step.chain)}${missedText(step)}`];
    case 'policy':
      return [];
    case 'ip-receive':
      return [`IPv${step.version} header checked`];
    case 'defrag':
      return [
        step.outcome === 'waits'
          ? 'defragmentation: the fragment waits for the rest'
          : `defragmentation: the datagram is whole, ${count(step.octets)} octets`,
      ];
    case 'conntrack':
      return conntrackLines(step);
    case 'confirm':
      return [`conntrack: connection ${step.connection.flow} enters the table`];
    case 'nat':
      return natLines(step, rules);
    case 'flowtable':
      return flowtableLines(step);
    case 'flow-add':
      return [`flow add: offloaded to flowtable ${visible(step.flowtable)}; the next packets may go the fast way`];
    case 'not-offloaded':
      return [refusalLine(step, rules)];
    case 'slow':
      return [`its connection is offloaded, yet it goes the slow way: ${SLOW_TEXTS[step.why]}`];
    case 'route':
      return [routeLine(step)];
    case 'forward':
      return [step.ttl > 1 ? `forward: TTL ${step.ttl} → ${step.ttl - 1}` : `forward: TTL ${step.ttl}`];
    case 'local':
      return ['delivered to the router itself'];
    case 'generate':
      return [`the router makes a packet of its own: ${step.what} (trace id ${traceId(packet, step.origin)})`];
    case 'drop':
      return [dropLine(step, rules)];
    case 'sent':
      return sentLines(step);
    case 'event':
      return [eventLine(step)];
    case 'end':
      return [];
  }
}

const SLOW_TEXTS: Readonly<Record<Step<'slow'>['why'], string>> = {
  fragment: 'a fragment',
  ttl: 'its TTL ends here',
  'ip-options': 'IP options',
  device: 'no flowtable has the device where it came in',
  other: 'no flow for this device and encapsulation, or it is longer than the MTU of the way out',
};

function deviceLine(step: Step<'device'>): string {
  const name = visible(step.interface);
  if (step.how === 'bridge') return `bridge: received by port ${name}`;
  return step.how === 'vlan' ? `VLAN tag taken off: now at ${name}` : `PPPoE header taken off: now at ${name}`;
}

/** 'fw.nft:12, rule 3 of forward'. */
function placeOf(step: Step<'rule'>): string {
  const { location } = step;
  const where = location === undefined ? '' : `${visible(location.file.split('/').pop() ?? '')}:${location.line}, `;
  return `${where}rule ${step.place} of ${visible(step.chain)}`;
}

function missedText({ missed }: Step<'rule'> | Step<'chain-end'>): string {
  if (missed === undefined) return '';
  return missed.from === missed.to
    ? `; rule ${missed.from} did not match`
    : `; rules ${missed.from}-${missed.to} did not match`;
}

function conntrackLines({ outcome, direction, state, before, after }: Step<'conntrack'>): string[] {
  switch (outcome) {
    case 'untracked':
      return ['conntrack: untracked'];
    case 'invalid':
      return [
        before === undefined
          ? 'conntrack: invalid, it belongs to no connection'
          : `conntrack: invalid in connection ${before.flow}${before.state === undefined ? '' : ` (${before.state})`}`,
      ];
    case 'new':
      return after === undefined ? ['conntrack: new'] : [newLine(after)];
    case 'related':
      return [`conntrack: ${state} to connection ${after?.flow ?? 0}`];
    case 'found': {
      const lines = [`conntrack: connection ${after?.flow ?? 0}, ${direction} direction, ct state ${state}`];
      if (before !== undefined && after !== undefined) {
        const changed = connectionChanges(before, after);
        if (changed !== '') lines.push(`  ${changed}`);
      }
      return lines;
    }
  }
}

function newLine(connection: TracedConnection): string {
  const state = connection.state === undefined ? '' : `, ${connection.state}`;
  const tuple = tupleText(connection.original);
  return `conntrack: new connection ${connection.flow}, ${tuple}${state}, ${connection.timeoutSeconds} s`;
}

/** 'tcp 192.168.1.10:40000 > 198.51.100.7:443'. */
export function tupleText(tuple: TracedTuple): string {
  const { protocol, source, destination, sourcePort, destinationPort, extra } = tuple;
  const from = sourcePort === undefined ? source : withPort(source, sourcePort);
  const to = destinationPort === undefined ? destination : withPort(destination, destinationPort);
  return `${protocol} ${from} > ${to}${extra === undefined ? '' : ` ${extra}`}`;
}

/** What a packet changed in its connection: 'SYN_SENT → SYN_RECV, now SEEN_REPLY, 120 → 60 s'. */
function connectionChanges(before: TracedConnection, after: TracedConnection): string {
  const parts: string[] = [];
  if (before.state !== undefined && after.state !== undefined) {
    parts.push(before.state === after.state ? after.state : `${before.state} → ${after.state}`);
  }
  const gained = after.status.filter((name) => !before.status.includes(name));
  const lost = before.status.filter((name) => !after.status.includes(name));
  if (gained.length > 0) parts.push(`now ${gained.join(' ')}`);
  if (lost.length > 0) parts.push(`no longer ${lost.join(' ')}`);
  if (!after.status.includes('OFFLOAD')) {
    const isSame = before.timeoutSeconds === after.timeoutSeconds;
    parts.push(`times out in ${isSame ? '' : `${before.timeoutSeconds} → `}${after.timeoutSeconds} s`);
  } else parts.push('OFFLOAD');
  return parts.join(', ');
}

function natLines({ setup, hook, changes, rule, location }: Step<'nat'>, rules: RuleTexts): string[] {
  const changed = changesText(changes);
  if (!setup) return [`nat: ${changed}`];
  if (changes.length === 0) return [`nat: nothing translates the connection at ${hook}`];
  if (rule === undefined) return [`nat set up at ${hook}: ${changed}`];
  return [`nat set up at ${hook} by ${ruleText(rule, location, rules)}`, `  ${changed}`];
}

/** 'fw.nft:12, tcp dport 22 drop'. */
function ruleText(rule: number, location: SourceLocation | undefined, rules: RuleTexts): string {
  const where = location === undefined ? '' : `${visible(location.file.split('/').pop() ?? '')}:${location.line}, `;
  return `${where}${rules.text(rule)}`;
}

/** 'ip saddr 192.168.1.10 → 203.0.113.2, tcp sport 40000 → 1024'. */
export function changesText(changes: readonly FieldChange[]): string {
  return changes.map(({ field, from, to }) => `${field} ${from} → ${to}`).join(', ');
}

function flowtableLines({ outcome, flowtable, bypassed = [] }: Step<'flowtable'>): string[] {
  const chains = bypassed.map(visible).join(', ');
  const skipped =
    bypassed.length === 0
      ? '  no base chain is bypassed'
      : `  prerouting … postrouting bypassed: ${bypassed.length} base chain${bypassed.length === 1 ? '' : 's'} (${chains})`;
  switch (outcome) {
    case 'miss':
      return [`flowtable ${visible(flowtable)}: no flow forwards it, the slow way`];
    case 'teardown':
      return ['flowtable: FIN or RST, the flow is torn down'];
    case 'hit':
      return ['flowtable hit: forwarded at ingress', skipped];
    case 'hardware':
      return ['hardware flowtable hit: the CPU saw nothing of it', skipped];
  }
}

function refusalLine({ refusal, rule, location }: Step<'not-offloaded'>, rules: RuleTexts): string {
  const where = ` (${ruleText(rule, location, rules)})`;
  if (refusal === 'offloaded') return `offloaded already: "flow add" ends its rule${where}`;
  if (refusal === 'no-rule') return `not offloaded: it belongs to no connection${where}`;
  return `not offloaded: ${REFUSALS.find((row) => row.name === refusal)?.text ?? refusal}${where}`;
}

function routeLine(step: Step<'route'>): string {
  const { destination, outcome, via } = step;
  const device = step.interface === undefined ? '' : ` dev ${visible(step.interface)}`;
  if (outcome === 'none') return `route: none to ${destination}`;
  if (outcome !== 'unicast') return `route: ${destination} is ${outcome}${outcome === 'local' ? device : ''}`;
  return `route: ${destination}${via === undefined ? ' on link' : ` via ${via}`}${device}`;
}

function dropLine(step: Step<'drop'>, rules: RuleTexts): string {
  const { reason, rule, location, chain } = step;
  if (reason === 'policy') return `dropped by the policy of ${visible(chain ?? '')}`;
  const text = REASONS.find((row) => row.name === reason)?.text ?? reason;
  if (rule === undefined) return `dropped: ${text}`;
  return `${text}: ${ruleText(rule, location, rules)}`;
}

function sentLines({ interface: name, octets, summary, changes }: Step<'sent'>): string[] {
  const first = `leaves by ${visible(name)}: ${count(octets)} octets, ${summary}`;
  if (changes === undefined) return [first];
  return [first, changes.length === 0 ? '  as it came' : `  ${changesText(changes)}`];
}

function eventLine({ event, argument }: Step<'event'>): string {
  switch (event) {
    case 'fragment':
      return 'a fragment is made';
    case 'neighbour':
      return 'the neighbour has to be asked for';
    case 'gso-segment':
      return `cut into ${count(argument)} segments`;
    case 'route-output':
      return 'route for a packet of the router itself';
    default:
      return event;
  }
}
