// A capture as packet lines, each with what becomes of it: for small captures, a suite that needs no file beside it. Lines
// are as short as leaves every packet its fate: first without numbers, addresses of the link and contents; then exact.
import type { Profile } from '../cost/profile.ts';
import type { RouterSpec } from '../net/spec.ts';
import { VERDICT_FORWARD, VERDICT_LOCAL } from '../packet/packet.ts';
import { type EmulationOptions, emulateCaptures } from '../replay/emulate-captures.ts';
import { EmulatedRouter, type Passage } from '../replay/emulated-router.ts';
import { PacketBuilder } from './build-packet.ts';
import type { LoadedRuleset } from './environment.ts';
import { withoutIcmpLimits } from './icmp-limits.ts';
import { Link } from './link.ts';
import { observePacket, observeTotals } from './observe.ts';
import type { PacketFields } from './packet-line.ts';
import { parsePacketLine } from './parse-packet.ts';
import { printPacket } from './print-packet.ts';
import { Scene } from './scene.ts';
import type { CaseInput } from './schema.ts';
import { Tally } from './tally.ts';

export interface LinesOptions extends EmulationOptions {
  loaded: LoadedRuleset;
  profile: Profile;
  /** More packets than this are not written as lines. */
  maximum: number;
}

export interface RecordedLines {
  case: Pick<CaseInput, 'packets' | 'expect'>;
  spec: RouterSpec;
  packets: number;
  knownConnections: boolean;
  assumptions: string[];
  /** Why reading a capture stopped early. */
  damages: string[];
}

/** What may be left out, the shortest first. */
const DETAILS: readonly ((fields: PacketFields) => PacketFields)[] = [
  ({ seq: _s, ack: _a, window: _w, ...fields }) => withoutContents(withoutLink(fields)),
  (fields) => withoutLink(fields),
  (fields) => fields,
];

/** undefined: the captures have more packets than `maximum`. */
export async function recordLines(options: LinesOptions): Promise<RecordedLines | undefined> {
  let passages: Passage[] = [];
  const done = await emulateCaptures(options, {
    begin: () => {
      passages = [];
    },
    passage: (passage) => {
      if (passages.length <= options.maximum) passages.push(passage);
    },
  });
  if (passages.length > options.maximum) return undefined;
  const settings = { spec: done.spec, knownConnections: done.knownConnections };
  for (const detail of DETAILS) {
    const lines = printLines(passages, done.spec, detail);
    const run = runLines(lines, options, settings);
    const isSame = run.passages.every((row, index) => fate(row) === fate(passages[index] as Passage));
    if (!isSame && detail !== DETAILS[DETAILS.length - 1]) continue;
    const { scene, totals } = run;
    return {
      case: {
        packets: lines.map((packet, index) => ({
          packet,
          expect: observePacket(run.passages[index] as Passage, scene),
        })),
        expect: observeTotals(totals, scene),
      },
      spec: done.spec,
      packets: passages.length,
      knownConnections: done.knownConnections,
      assumptions: done.assumptions,
      damages: done.damages,
    };
  }
  return undefined;
}

function printLines(
  passages: readonly Passage[],
  spec: RouterSpec,
  detail: (fields: PacketFields) => PacketFields,
): string[] {
  const link = new Link(spec);
  const builder = new PacketBuilder(link);
  let clockNs = 0;
  return passages.map((passage) => {
    builder.begin();
    const text = printPacket(passage.frame, {
      interface: passage.interface,
      link,
      builder,
      wireOctets: passage.wireOctets,
      ...(detail === DETAILS[DETAILS.length - 1] ? {} : { detail }),
    });
    builder.build(parsePacketLine(text));
    const isAccepted = passage.verdict === VERDICT_FORWARD || passage.verdict === VERDICT_LOCAL;
    builder.passed({ isAccepted, sent: passage.sent });
    const gapNs = passage.timeNs - clockNs;
    clockNs = passage.timeNs;
    return gapNs > 0 ? `+${timeText(gapNs)} ${text}` : text;
  });
}

function runLines(
  lines: readonly string[],
  options: LinesOptions,
  settings: { spec: RouterSpec; knownConnections: boolean },
): { passages: Passage[]; scene: Scene; totals: Tally } {
  const { spec, knownConnections } = settings;
  const router = new EmulatedRouter({
    ruleset: options.loaded.compiled.ruleset,
    router: withoutIcmpLimits(spec),
    offload: options.offload ?? 'as-ruled',
    seed: options.seed ?? 1,
    knownConnections,
  });
  const scene = new Scene({ router, spec, refs: options.loaded.refs, profile: options.profile });
  const builder = new PacketBuilder(new Link(spec));
  const totals = new Tally();
  const passages: Passage[] = [];
  for (const text of lines) {
    const line = parsePacketLine(text);
    builder.begin();
    for (const frame of builder.build(line)) {
      const passage = router.send(frame.octets, line.interface, router.timeNs + (line.time?.ns ?? 0), frame.wireOctets);
      const isAccepted = passage.verdict === VERDICT_FORWARD || passage.verdict === VERDICT_LOCAL;
      builder.passed({ isAccepted, sent: passage.sent });
      totals.add(passage, scene);
      passages.push(passage);
    }
  }
  return { passages, scene, totals };
}

/** What must stay: verdict, reason, path, and every rule that was met. */
function fate({ verdict, pathClass, reason, detail, words, sent }: Passage): string {
  return `${verdict} ${pathClass} ${reason} ${detail} ${sent.map((row) => row.ifindex).join()} ${words.join()}`;
}

function withoutLink({ from: _f, to: _t, padding: _p, flowLabel: _l, ...fields }: PacketFields): PacketFields {
  if (fields.moreFragments !== undefined) return fields;
  const { ipId: _, ...others } = fields;
  return others;
}

/** Payload of the same length, TCP options as every host has them, checksums right. */
function withoutContents(exact: PacketFields): PacketFields {
  const { checksum: _c, ipChecksum: _i, options: _o, cut: _u, ...fields } = exact;
  const { payload } = fields;
  const isPlain = fields.moreFragments === undefined && fields.type === undefined;
  if (payload !== undefined && isPlain) fields.payload = new Uint8Array(payload.length);
  return fields;
}

/** Without loss, in the largest unit that stays short. */
export function timeText(ns: number): string {
  if (ns % 1e6 === 0) return ns % 1e9 === 0 || ns >= 1e9 ? `${ns / 1e9}s` : `${ns / 1e6}ms`;
  return ns % 1e3 === 0 ? `${ns / 1e3}us` : `${ns}ns`;
}
