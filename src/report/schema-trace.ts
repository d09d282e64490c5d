// The shape of trace's `--format json` as a schema: docs/trace.schema.json is made from it (`npm run schema`), a test holds
// real walks against it.
import { zod } from '../base/on-demand.ts';
import { TRACE_SCHEMA } from './trace-json.ts';

/** The schema of traceJson's result (zod). */
export function traceSchema() {
  const { z } = zod();
  const count = z.number().int().min(0);
  const text = z.string();
  const hex = z.string().regex(/^([0-9a-f]{2})*$/);
  const location = z.strictObject({ file: text, line: count, column: count, endColumn: count }).optional();
  const tuple = z.strictObject({
    protocol: text,
    source: text,
    destination: text,
    sourcePort: count.optional(),
    destinationPort: count.optional(),
    extra: text.optional().describe('type and id of ICMP, keys of GRE'),
  });
  const connection = z.strictObject({
    flow: count,
    original: tuple,
    reply: tuple,
    state: text.optional().describe('of TCP, SCTP and DCCP'),
    status: z.array(text).describe('IPS_* without the prefix'),
    timeoutSeconds: count,
    mark: count,
  });
  const changes = z.array(z.strictObject({ field: text, from: text, to: text }));
  const missed = z.strictObject({ from: count, to: count }).optional().describe('places of rules that did not match');
  const nft = text.describe('the line of nft monitor trace');
  const cost = { instructions: count.describe('estimated') };
  const chain = {
    family: text,
    table: text,
    chain: text,
    origin: count.describe('0: the packet; n: the n-th packet that the router made about it'),
    marked: z.boolean().describe('a rule set nftrace: the kernel itself would print it'),
  };
  const headers = z.strictObject({
    nfproto: count,
    iif: text.optional(),
    oif: text.optional(),
    iiftype: count,
    link: hex.optional(),
    network: hex.optional(),
    transport: hex.optional(),
  });
  const step = z.discriminatedUnion('kind', [
    z.strictObject({ kind: z.literal('receive'), interface: text, ...cost }),
    z.strictObject({ kind: z.literal('device'), how: z.enum(['vlan', 'pppoe', 'bridge']), interface: text, ...cost }),
    z.strictObject({ kind: z.literal('hook'), hook: text, device: text.optional(), ...cost }),
    z.strictObject({ kind: z.literal('packet'), headers, again: z.boolean().optional(), ...chain, nft, ...cost }),
    z.strictObject({
      kind: z.literal('rule'),
      rule: count.describe('over the whole ruleset'),
      place: count.describe('1-based in its chain'),
      handle: count,
      location,
      verdict: text,
      target: text.optional(),
      missed,
      ...chain,
      nft,
      ...cost,
    }),
    z.strictObject({ kind: z.literal('chain-end'), base: z.boolean(), missed, ...chain, ...cost }),
    z.strictObject({
      kind: z.literal('policy'),
      policy: z.enum(['accept', 'drop']),
      mark: count,
      ...chain,
      nft,
      ...cost,
    }),
    z.strictObject({ kind: z.literal('ip-receive'), version: z.union([z.literal(4), z.literal(6)]), ...cost }),
    z.strictObject({ kind: z.literal('defrag'), outcome: z.enum(['waits', 'whole']), octets: count, ...cost }),
    z.strictObject({
      kind: z.literal('conntrack'),
      outcome: z.enum(['new', 'found', 'invalid', 'untracked', 'related']),
      direction: z.enum(['original', 'reply']),
      state: z.enum(['new', 'established', 'related', 'invalid', 'untracked']),
      before: connection.optional(),
      after: connection.optional(),
      ...cost,
    }),
    z.strictObject({ kind: z.literal('confirm'), connection, ...cost }),
    z.strictObject({
      kind: z.literal('nat'),
      hook: text,
      setup: z.boolean(),
      rule: count.optional(),
      location,
      changes,
      ...cost,
    }),
    z.strictObject({
      kind: z.literal('flowtable'),
      flowtable: text,
      outcome: z.enum(['miss', 'hit', 'hardware', 'teardown']),
      bypassed: z.array(text).optional().describe('base chains that it did not meet'),
      ...cost,
    }),
    z.strictObject({ kind: z.literal('flow-add'), flowtable: text, ...cost }),
    z.strictObject({ kind: z.literal('not-offloaded'), refusal: text, rule: count, location, ...cost }),
    z.strictObject({
      kind: z.literal('slow'),
      why: z.enum(['fragment', 'ttl', 'ip-options', 'device', 'other']),
      ...cost,
    }),
    z.strictObject({
      kind: z.literal('route'),
      destination: text,
      outcome: text,
      via: text.optional(),
      interface: text.optional(),
      ...cost,
    }),
    z.strictObject({ kind: z.literal('forward'), ttl: count, ...cost }),
    z.strictObject({ kind: z.literal('local'), ...cost }),
    z.strictObject({ kind: z.literal('generate'), what: text, origin: count, ...cost }),
    z.strictObject({
      kind: z.literal('drop'),
      reason: text,
      rule: count.optional(),
      chain: text.optional(),
      location,
      ...cost,
    }),
    z.strictObject({
      kind: z.literal('sent'),
      interface: text,
      octets: count,
      summary: text,
      changes: changes.optional().describe('absent: made by the router'),
      ...cost,
    }),
    z.strictObject({ kind: z.literal('event'), event: text, argument: count, ...cost }),
    z.strictObject({ kind: z.literal('end'), ...cost }),
  ]);
  const walk = z.strictObject({
    packet: count.describe('1-based, in the merged captures'),
    timeNs: z.number(),
    interface: text,
    octets: count,
    summary: text,
    verdict: z.enum(['forward', 'local', 'drop', 'consumed']),
    path: z.enum(['slow', 'software', 'hardware']),
    reason: text,
    flow: count,
    ...cost,
    cycles: count.describe('estimated'),
    steps: z.array(step),
    omittedSteps: count.optional(),
  });
  return z.strictObject({
    schema: z.literal(TRACE_SCHEMA),
    version: z.string(),
    profile: text,
    packets: z.array(walk),
    notShown: count.describe('chosen packets beyond the limit'),
  });
}
