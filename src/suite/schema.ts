// The shape of a suite file (zod): docs/suite.schema.json is made from it (`npm run schema`), so that editors complete and
// check suites. docs/SUITES.md explains every key.
import type { z as Zod } from 'zod';
import { onDemand, zod } from '../base/on-demand.ts';
import { REASONS } from '../event/reasons.ts';
import { ASSUMED_ANSWERS } from '../nft/assume.ts';
import { PATH_CLASSES } from '../packet/packet.ts';

/** Verdicts that an expectation may name; `accept` is forward or local, `reject` a drop that was answered. */
export const EXPECTED_VERDICTS = ['forward', 'local', 'drop', 'consumed', 'accept', 'reject'] as const;
export const CT_STATES = ['established', 'related', 'new', 'invalid', 'untracked'] as const;

/** The schema of a suite file. */
export const suiteSchema = onDemand(() => {
  const { z } = zod();
  const quantity = z
    .union([z.number(), z.string().min(1)])
    .describe("a number, or a comparison: '>= 3', '< 2000', '3..5', '1200 +- 5%', '>= 90%'");
  const counts = <K extends string>(names: readonly K[]) => z.partialRecord(z.enum(names), quantity);
  const verdict = z.union([z.enum(EXPECTED_VERDICTS), counts(['forward', 'local', 'drop', 'consumed'] as const)]);
  const path = z.union([z.enum(PATH_CLASSES), counts(PATH_CLASSES)]);
  const reason = z.enum(REASONS.map((row) => row.name).filter((name) => name !== '') as [string, ...string[]]);
  const rule = z
    .string()
    .min(1)
    .describe(
      "file.nft:12, a comment, 'handle 7', 'inet fw4 forward rule 3', 'policy forward', or nft text of the rule",
    );
  const rules = z.union([rule, z.array(rule).min(1)]);
  const text = z.union([z.string(), z.number()]);
  const fields = z.record(z.string(), text).describe("fields as nft names them: 'ip ttl': 63, 'tcp dport': 443");
  const endpoint = z.string().describe("'203.0.113.1:40000', or an address alone");
  const nat = z.union([z.literal('none'), z.strictObject({ snat: endpoint.optional(), dnat: endpoint.optional() })]);

  const packetExpectation = z.strictObject({
    verdict: verdict.optional().describe('of all packets of the line'),
    reason: reason.optional().describe('why it was dropped'),
    rule: rule.optional().describe('the rule, or policy, that decided'),
    matches: rules.optional().describe('rules that matched'),
    misses: rules.optional().describe('rules that did not match'),
    chain: z
      .union([z.string(), z.array(z.string())])
      .optional()
      .describe('chains that it went through'),
    path: path.optional(),
    out: z.string().optional().describe("interface that it left through, or 'none'"),
    frames: quantity.optional().describe('frames that left because of it'),
    frame: fields.optional().describe('of the frame that left'),
    nat: nat.optional(),
    answer: z
      .union([z.string(), fields])
      .optional()
      .describe("what the router sent back: 'reset', 'icmp port-unreachable', 'none', or fields"),
    mark: z.number().int().optional(),
    ct: z.enum(CT_STATES).optional().describe('ct state'),
    offloads: z.boolean().optional().describe('the packet put its connection into a flowtable'),
    cycles: quantity.optional().describe('estimated, on the profile'),
  });

  const tally = {
    packets: quantity.optional(),
    forward: quantity.optional(),
    local: quantity.optional(),
    drop: quantity.optional(),
    consumed: quantity.optional(),
    slow: quantity.optional().describe('packets on the slow path'),
    software: quantity.optional(),
    hardware: quantity.optional(),
    offloaded: quantity.optional().describe("share of the packets that a flowtable forwarded: '>= 90%'"),
    out: z.record(z.string(), quantity).optional().describe('frames that left, by interface'),
    reasons: z.partialRecord(reason, quantity).optional().describe('drops by reason'),
    rules: z.record(rule, quantity).optional().describe('packets that a rule matched'),
    decided: z.record(rule, quantity).optional().describe('packets that a rule, or policy, decided'),
    cycles: quantity.optional().describe('estimated mean per packet, on the profile'),
  };
  const flowExpectation = z.strictObject({ ...tally, nat: nat.optional() });
  const counter = z.union([quantity, z.strictObject({ packets: quantity.optional(), bytes: quantity.optional() })]);
  const totals = z.strictObject({
    ...tally,
    connections: quantity.optional().describe('left at the end'),
    counters: z.record(z.string(), counter).optional().describe('named counters, or rules with one: packets'),
    quotas: z.record(z.string(), quantity).optional().describe('octets used, by name'),
    sets: z
      .record(z.string(), z.union([z.array(text), quantity]))
      .optional()
      .describe('elements at the end, or how many'),
    conntrack: z.array(z.string()).optional().describe("each: words that one line of 'conntrack -L' must have"),
  });
  const expectation = z.union([z.enum(EXPECTED_VERDICTS), packetExpectation]);
  const step = z.union([
    z.string().min(1).describe('a packet line'),
    z.strictObject({ packet: z.string().min(1), expect: expectation.optional() }),
  ]);
  const flow = z
    .strictObject({
      flow: z.string().optional().describe("both directions of 'tcp 192.168.1.10:40000 > 198.51.100.7:443'"),
      match: z.string().optional().describe("nft's expressions: 'ip saddr 192.168.1.10 tcp dport 443'"),
      expect: flowExpectation,
    })
    .refine((row) => (row.flow === undefined) !== (row.match === undefined), "needs 'flow' or 'match', and not both");
  const capture = z.union([z.string(), z.strictObject({ file: z.string(), in: z.string() })]);

  const settings = {
    ruleset: z.string().min(1).optional().describe('path of an nft file, or its text in several lines'),
    router: z
      .union([z.string().min(1), z.record(z.string(), z.unknown())])
      .optional()
      .describe('path of a router file, or its contents; absent: inferred'),
    include: z.array(z.string()).optional().describe('folders whose files the ruleset may include'),
    assume: z
      .strictObject({ queue: z.enum(ASSUMED_ANSWERS).optional() })
      .optional()
      .describe('what user space answers to `queue`; absent: no program listens'),
    define: z.record(z.string(), text).optional().describe('variables of the ruleset: as nft -D'),
    offload: z.enum(['as-ruled', 'off', 'software', 'hardware']).optional(),
    profile: z.string().optional().describe('device to price for; nftreplay profiles lists them'),
    seed: z.number().int().optional(),
    clock: z
      .string()
      .optional()
      .describe("time of the first packet: '2026-01-31 08:00:00' (UTC), for meta hour and day"),
    'known-connections': z.boolean().optional(),
    'fix-checksums': z.boolean().optional().describe('wrong checksums of captures are mended first'),
  };
  const suiteCase = z
    .strictObject({
      name: z.string().min(1),
      ...settings,
      skip: z.string().optional().describe('why this case is not run'),
      packets: z.array(step).min(1).optional(),
      captures: z.array(capture).min(1).optional(),
      match: z.string().optional().describe("of the captures, only packets that nft's expressions mean enter"),
      flows: z.array(flow).optional(),
      expect: totals.optional(),
    })
    .refine(
      (row) => (row.packets === undefined) !== (row.captures === undefined),
      "needs 'packets' or 'captures', and not both",
    );
  return z.strictObject({
    $schema: z.string().optional(),
    name: z.string().optional(),
    ...settings,
    cases: z.array(suiteCase).min(1),
  });
});

export type SuiteInput = Zod.infer<ReturnType<typeof suiteSchema>>;
export type CaseInput = SuiteInput['cases'][number];
export type PacketExpectation = Exclude<
  Exclude<NonNullable<CaseInput['packets']>[number], string>['expect'],
  string | undefined
>;
export type FlowExpectation = NonNullable<CaseInput['flows']>[number]['expect'];
export type TotalsExpectation = NonNullable<CaseInput['expect']>;
export type Quantity = number | string;
export type Settings = Omit<CaseInput, 'name' | 'skip' | 'packets' | 'captures' | 'match' | 'flows' | 'expect'>;
