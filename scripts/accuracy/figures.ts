// Published figures that the model can be held against, each as the packets of measured scenarios that stand for its traffic.
// Source, setup and confidence of each: ../shared/calibration/published.json. What cannot be priced is in UNPRICED, with why.

/** One packet of a scenario of scripts/calibrate (list/scenario), `times` for each data packet. */
export interface Part {
  scenario: string;
  octets: number;
  times: number;
}

export interface Figure {
  id: string;
  /** Figures of one run or table share it: they are fitted, or left out, together. */
  run: string;
  profile: string;
  what: string;
  value: number;
  unit: 'kpps' | 'Mbit/s' | '% busy' | '% idle' | 'cycles';
  parts: readonly Part[];
  /** Data packets/s at which the figure was taken; absent: what one processor (or `busy`) can do. */
  rate?: number;
  /** Processors' part that was busy, of all of them (Linux's %), when a rate is the figure. */
  busy?: number;
  /** The source gives the full setup. */
  full: boolean;
  /** Decided by links or hardware, not by the CPU: nothing is fitted to it. */
  limit?: 'link' | 'hardware';
  gro?: false;
  /** Cycles beside the model's: a generator's, a qdisc's (instructions, named in `what`). */
  moreInstructions?: number;
  /** Rows of the weights beside the parts', for each data packet. */
  moreFeatures?: { [feature: string]: number };
  /** Percent of the CPU that the router needs for all else. */
  background?: number;
}

const tcp = (data: string, ack: string): Part[] => [
  { scenario: data, octets: 1514, times: 1 },
  { scenario: ack, octets: 66, times: 0.5 },
];
const SLOW = tcp('heldout/fw4.v4.tcp.orig', 'heldout/fw4.v4.tcp.reply');
const FLOW = tcp('heldout/fw4-flow.v4.tcp.orig', 'heldout/fw4-flow.v4.tcp.orig');
const one = (scenario: string, octets: number): Part[] => [{ scenario, octets, times: 1 }];
/**
 * A VLAN on one side ('VLAN 400 on LAN side'): data one way and half as many acknowledgements the other, on average over the ways.
 * Offloaded flows leave by the device below.
 */
const VLAN_ON_LAN = { 'vlan-untag': 0.75, 'vlan-push': 0.75 };
/** [b10] the same router while its engine forwards. */
const ZBT_BACKGROUND = 3.7;
/** Data packets/s of so many Mbit/s of TCP payload in segments of 1,448 octets. */
const segments = (mbit: number) => (mbit * 1e6) / 8 / 1448;

export const FIGURES: readonly Figure[] = [
  {
    id: 'c01',
    run: 'c01',
    profile: 'x86-server',
    what: 'IP forwarding, 64 octets, one core',
    value: 1739.672,
    unit: 'kpps',
    parts: one('insn/route.v4.udp', 64),
    full: true,
  },
  {
    id: 'c17',
    run: 'c17',
    profile: 'x86-server',
    what: 'drop in raw prerouting, one core',
    value: 5051.787,
    unit: 'kpps',
    parts: one('insn/drop.prerouting', 64),
    full: true,
  },
  {
    id: 'c19',
    run: 'c19',
    profile: 'x86-server',
    what: 'drop in input, one core',
    value: 3319.718,
    unit: 'kpps',
    parts: one('more/local.input-drop', 64),
    full: true,
  },
  {
    id: 'c21',
    run: 'c21',
    profile: 'x86-server',
    what: 'drop in input with conntrack, one core',
    value: 1819.409,
    unit: 'kpps',
    parts: one('witness/w.input.ct', 64),
    full: true,
  },
  {
    id: 'c26',
    run: 'c26',
    profile: 'x86-server',
    what: 'raw drop at 0.25 Mpps',
    value: 79,
    unit: '% idle',
    rate: 0.25e6,
    parts: one('insn/drop.prerouting', 64),
    full: true,
  },
  {
    id: 'c28',
    run: 'c28',
    profile: 'x86-server',
    what: 'raw drop at 1 Mpps',
    value: 57.4,
    unit: '% idle',
    rate: 1e6,
    parts: one('insn/drop.prerouting', 64),
    full: true,
  },
  {
    id: 'c30',
    run: 'c30',
    profile: 'x86-server',
    what: 'raw drop at 3 Mpps',
    value: 29.2,
    unit: '% idle',
    rate: 3e6,
    parts: one('insn/drop.prerouting', 64),
    full: true,
  },
  {
    id: 'c118',
    run: 'c118',
    profile: 'armada-3720',
    what: 'raw drop, 64 octets, one core',
    value: 275.774,
    unit: 'kpps',
    parts: one('insn/drop.prerouting', 64),
    full: true,
  },
  {
    id: 'c120',
    run: 'c120',
    profile: 'armada-3720',
    what: 'raw drop, cycles/packet under perf',
    value: 3879,
    unit: 'cycles',
    parts: one('insn/drop.prerouting', 64),
    full: true,
  },
  {
    id: 'b02',
    run: 'b01',
    profile: 'mt7620',
    what: 'TCP 90.5 Mbit/s routed, NAPT, a VLAN, no offload',
    moreFeatures: VLAN_ON_LAN,
    background: ZBT_BACKGROUND,
    value: 78.6,
    unit: '% busy',
    rate: segments(90.5),
    parts: SLOW,
    full: true,
  },
  {
    id: 'b06',
    run: 'b05',
    profile: 'mt7620',
    what: 'the same with a software flowtable',
    background: ZBT_BACKGROUND,
    value: 39.1,
    unit: '% busy',
    rate: segments(89.9),
    parts: FLOW,
    full: true,
  },
  {
    id: 'b20',
    run: 'b20',
    profile: 'ipq807x',
    what: 'TCP routed, no offload, at 46.8 % of 4 cores',
    value: 780,
    unit: 'Mbit/s',
    busy: 0.468,
    parts: SLOW,
    full: false,
  },
  {
    id: 'b18',
    run: 'b18',
    profile: 'ipq807x',
    what: 'the same, software flowtable, at 47.8 %',
    value: 912,
    unit: 'Mbit/s',
    busy: 0.478,
    parts: FLOW,
    full: false,
  },
  {
    id: 'a07',
    run: 'a07',
    profile: 'mt7622',
    what: 'TCP, software flowtable, PPPoE + cake (+ 5,000 instructions, ours), GRO off, at 65 % of 2 cores',
    value: 630,
    unit: 'Mbit/s',
    busy: 0.65,
    parts: FLOW,
    full: false,
    gro: false,
    moreInstructions: 7500,
  },
  {
    id: 'a09',
    run: 'a09',
    profile: 'mt7622',
    what: 'the same with fraglist GRO, at 60 %',
    value: 770,
    unit: 'Mbit/s',
    busy: 0.6,
    parts: FLOW,
    full: false,
    moreInstructions: 7500,
  },
  {
    id: 'x14',
    run: 'x14',
    profile: 'mt7621',
    what: 'TCP 900 Mbit/s routed, NAT, no offload (kernel 4.4)',
    value: 65,
    unit: '% busy',
    rate: segments(900),
    parts: SLOW,
    full: false,
  },
  {
    id: 'x16',
    run: 'x16',
    profile: 'mt7621',
    what: 'TCP routed, one thread full (another board)',
    value: 200,
    unit: 'Mbit/s',
    parts: SLOW,
    full: false,
  },
  {
    id: 'x21',
    run: 'x21',
    profile: 'qca9558',
    what: 'TCP, software flowtable, core full',
    value: 640,
    unit: 'Mbit/s',
    parts: FLOW,
    full: false,
  },
  {
    id: 'b97',
    run: 'b97',
    profile: 'imx6',
    what: 'UDP NAT, 1500 octets (clock and cores not given)',
    value: 14,
    unit: 'kpps',
    parts: one('insn/ct-nat.v4.udp.orig', 1514),
    full: false,
  },
  {
    id: 'b98',
    run: 'b98',
    profile: 'imx6',
    what: 'UDP NAT, 500 octets',
    value: 15,
    unit: 'kpps',
    parts: one('insn/ct-nat.v4.udp.orig', 514),
    full: false,
  },
  {
    id: 'b99',
    run: 'b99',
    profile: 'imx6',
    what: 'UDP NAT, 200 octets',
    value: 16,
    unit: 'kpps',
    parts: one('insn/ct-nat.v4.udp.orig', 214),
    full: false,
  },
  {
    id: 'b100',
    run: 'b100',
    profile: 'imx6',
    what: 'UDP NAT, 55 octets',
    value: 15,
    unit: 'kpps',
    parts: one('insn/ct-nat.v4.udp.orig', 69),
    full: false,
  },
  {
    id: 'b101',
    run: 'b101',
    profile: 'imx6',
    what: 'three TCP flows, NAT (mean of both ways)',
    value: 329,
    unit: 'Mbit/s',
    parts: tcp('insn/ct-nat.v4.tcp.orig', 'insn/ct-nat.v4.tcp.reply'),
    full: false,
  },
  {
    id: 'b01',
    run: 'b01',
    profile: 'mt7620',
    what: 'TCP over 100BASE-T, no offload',
    value: 90.8,
    unit: 'Mbit/s',
    parts: SLOW,
    full: true,
    limit: 'link',
  },
  {
    id: 'b05',
    run: 'b05',
    profile: 'mt7620',
    what: 'TCP over 100BASE-T, software flowtable',
    value: 90.25,
    unit: 'Mbit/s',
    parts: FLOW,
    full: true,
    limit: 'link',
  },
  {
    id: 'b09',
    run: 'b09',
    profile: 'mt7620',
    what: 'TCP over 100BASE-T, PPE',
    value: 90.9,
    unit: 'Mbit/s',
    parts: FLOW,
    full: true,
    limit: 'hardware',
  },
  {
    id: 'b10',
    run: 'b09',
    profile: 'mt7620',
    what: 'CPU meanwhile (with what else the router does)',
    value: 3.7,
    unit: '% busy',
    parts: FLOW,
    full: true,
    limit: 'hardware',
  },
  {
    id: 'b16',
    run: 'b16',
    profile: 'ipq807x',
    what: 'TCP over 1 Gbit/s, PPE',
    value: 938,
    unit: 'Mbit/s',
    parts: FLOW,
    full: false,
    limit: 'hardware',
  },
  {
    id: 'b17',
    run: 'b16',
    profile: 'ipq807x',
    what: 'CPU meanwhile',
    value: 0.13,
    unit: '% busy',
    parts: FLOW,
    full: false,
    limit: 'hardware',
  },
  {
    id: 'b83',
    run: 'b83',
    profile: 'mt7988',
    what: 'TCP over 10 Gbit/s, PPE',
    value: 9410,
    unit: 'Mbit/s',
    parts: FLOW,
    full: false,
    limit: 'hardware',
  },
  {
    id: 'b85',
    run: 'b85',
    profile: 'mt7981',
    what: 'TCP over 2.5 Gbit/s',
    value: 2360,
    unit: 'Mbit/s',
    parts: FLOW,
    full: false,
    limit: 'link',
  },
];

/** Records that no estimate stands beside, and why: ids, or ranges of ids. */
export const UNPRICED: readonly [ids: string, why: string][] = [
  ['a08, a10, b19, b21', 'the CPU share at which a07, a09, b18 and b20 were taken: used there'],
  ['a12-a15', 'CPU, kernel and virtual switch are not stated'],
  ['b13', 'loss in an external switch'],
  ['b91-b94', 'the generator may have been the limit'],
  ['b107, b109, b110', 'no rate, or an endpoint instead of a router'],
  ['c13-c16, c32, c33', 'XDP: another path'],
  ['c23', 'the ruleset (firewalld of 2017) is not given'],
  ['c40', 'is the number itself (packetsPerPoll)'],
  ['c44, c56, c68, c80, c86, c96, c106, c116', 'pipapo of 4 bits: a 6.12 kernel runs it only on tables above 2 MiB'],
  ['c131-c137', 'VPP: another stack'],
  ['e01-e13', 'readers of captures'],
  ['x05, x10, x12, x19, x22', 'computed from records that are used: c19 and c21, c41, b06, a07, b97'],
  ['a25, b14, d01-d15, c140-c147', 'facts, not rates: in profiles, tests and docs'],
];

/** Throws when a record is neither used nor has its reason, or has both. */
export function checkRecords(records: readonly { id: string }[], used: ReadonlySet<string>): void {
  const excused = UNPRICED.flatMap(([ids]) => ids.split(', '));
  for (const { id } of records) {
    const reasons = excused.filter((row) => isIn(id, row)).length;
    if (reasons + (used.has(id) ? 1 : 0) !== 1) {
      throw new Error(
        `published figure ${id} is used ${used.has(id) ? 'once' : 'nowhere'} and has ${reasons} reasons not to be`,
      );
    }
  }
}

function isIn(id: string, row: string): boolean {
  const [from = '', to = from] = row.split('-');
  const number = (text: string): number => Number(text.slice(1));
  return id[0] === from[0] && number(id) >= number(from) && number(id) <= number(to);
}
