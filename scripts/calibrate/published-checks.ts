// Published figures of real machines beside what the profiles say to the nearest measured scenario. None of them is the
// same ruleset or kernel: they show the size of what the profiles get wrong, not a fit.

export interface PublishedCheck {
  /** Row of ../shared/calibration/published.json. */
  record: string;
  profile: string;
  /** Scenario whose path stands for it, and the packets' octets on the wire; several are added up. */
  packets: { scenario: string; octets: number; times: number }[];
  cycles: number;
  what: string;
}

const data = (scenario: string, small: string) => [
  { scenario, octets: 1514, times: 1 },
  { scenario: small, octets: 66, times: 0.5 },
];

export const PUBLISHED_CHECKS: readonly PublishedCheck[] = [
  {
    record: 'c01',
    profile: 'x86-server',
    packets: [{ scenario: 'route.v4.udp', octets: 64, times: 1 }],
    cycles: 2187,
    what: 'IP forwarding, 64 octets (behind the profile)',
  },
  {
    record: 'c17',
    profile: 'x86-server',
    packets: [{ scenario: 'drop.prerouting', octets: 64, times: 1 }],
    cycles: 753,
    what: 'dropped in raw prerouting (behind the profile)',
  },
  {
    record: 'c19',
    profile: 'x86-server',
    packets: [{ scenario: 'local.input-drop', octets: 64, times: 1 }],
    cycles: 1146,
    what: 'dropped in input (behind the profile)',
  },
  {
    record: 'c21',
    profile: 'x86-server',
    packets: [{ scenario: 'ct.v4.udp.new-drop', octets: 64, times: 1 }],
    cycles: 2091,
    what: 'dropped with conntrack (behind the profile)',
  },
  {
    record: 'x14',
    profile: 'mt7621',
    packets: data('ct-nat.v4.tcp.1500', 'ct-nat.v4.tcp.reply'),
    cycles: 14_700,
    what: 'slow path per data packet and half an ACK, core cycles',
  },
  {
    record: 'x16',
    profile: 'mt7621',
    packets: data('ct-nat.v4.tcp.1500', 'ct-nat.v4.tcp.reply'),
    cycles: 50_970,
    what: 'the same, another board, cycles of one thread',
  },
  {
    record: 'x21',
    profile: 'mt7621',
    packets: data('flow-nat.v4.tcp.1500', 'flow-nat.v4.tcp.reply'),
    cycles: 13_032,
    what: 'software offload per data packet and half an ACK (74Kc)',
  },
  {
    record: 'x12',
    profile: 'mt7621',
    packets: data('flow-nat.v4.tcp.1500', 'flow-nat.v4.tcp.reply'),
    cycles: 29_222,
    what: 'the same at low load, background not subtracted (24KEc)',
  },
  {
    record: 'x19',
    profile: 'mt7622',
    packets: data('flow-nat.v4.tcp.1500', 'flow-nat.v4.tcp.reply'),
    cycles: 32_091,
    what: 'software offload with PPPoE and cake, which are not in the model',
  },
  {
    record: 'b91',
    profile: 'bcm2711',
    packets: [{ scenario: 'route.v4.udp', octets: 64, times: 1 }],
    cycles: 19_568,
    what: 'forwarded ICMP if one core was full (the generator may have been the limit)',
  },
];
