// TCP by cases: what a sequence of segments leaves of a connection. The kernel's verdicts on random
// sequences are in kernel.test.ts; here stand the cases that a reader looks for.
import { describe, expect, it } from 'vitest';
import type { Sysctl } from '../../../src/net/sysctl.ts';
import { IPS_ASSURED, IPS_SEEN_REPLY } from '../../../src/netfilter/conntrack/status.ts';
import { segmentKind, TCP_STATE_NAMES, TCP_TRANSITIONS } from '../../../src/netfilter/conntrack/tcp-states.ts';
import { ip, tcp } from '../../../src/packet/build.ts';
import { CT_ESTABLISHED, CT_INVALID, CT_NEW } from '../../../src/packet/packet.ts';
import { MiniRouter } from './mini-router.ts';

const SECOND = 1e9;

interface Segment {
  /** '>' from the client, '<' from the server. */
  from: '>' | '<';
  flags: string;
  seq: number;
  ack?: number;
  data?: number;
  window?: number;
  /** Seconds before it. */
  after?: number;
  options?: Uint8Array;
}

/** Sends segments; returns the state's name (or '' without an entry), whether assured, seconds left, and each ctInfo. */
function run(segments: Segment[], sysctl: Sysctl = {}) {
  const router = new MiniRouter({ sysctl });
  let now = 0;
  const infos: number[] = [];
  for (const { from, flags, seq, ack, data, window, after, options } of segments) {
    now += (after ?? 0.01) * SECOND;
    const [src, dst, sport, dport] =
      from === '>' ? ['192.168.1.10', '198.51.100.7', 40000, 443] : ['198.51.100.7', '192.168.1.10', 443, 40000];
    const segment = tcp(
      {
        sport: sport as number,
        dport: dport as number,
        seq,
        ack: ack ?? 0,
        flags,
        window: window ?? 65000,
        ...(options === undefined ? {} : { options }),
      },
      new Uint8Array(data ?? 0),
    );
    router.process(ip({ src: src as string, dst: dst as string }, segment), from === '>' ? 'lan0' : 'wan0', now);
    infos.push(router.packet.ctInfo);
  }
  const entry = router.table.count === 0 ? -1 : 0;
  const status = entry < 0 ? 0 : (router.table.status[entry] ?? 0);
  return {
    state: entry < 0 ? '' : (TCP_STATE_NAMES[router.table.tcpState[entry] ?? 0] ?? ''),
    isAssured: (status & IPS_ASSURED) !== 0,
    isReplied: (status & IPS_SEEN_REPLY) !== 0,
    seconds: entry < 0 ? 0 : Math.round(((router.table.expiresNs[entry] ?? 0) - now) / SECOND),
    info: infos.at(-1),
    infos,
    router,
  };
}

const SYN: Segment = { from: '>', flags: 'S', seq: 1000 };
const SYNACK: Segment = { from: '<', flags: 'SA', seq: 5000, ack: 1001 };
const ACK: Segment = { from: '>', flags: 'A', seq: 1001, ack: 5001 };
const OPEN = [SYN, SYNACK, ACK];
const FIN: Segment = { from: '>', flags: 'FA', seq: 1001, ack: 5001 };
const FIN_ACKED: Segment = { from: '<', flags: 'A', seq: 5001, ack: 1002 };
const FIN2: Segment = { from: '<', flags: 'FA', seq: 5001, ack: 1002 };
const LAST: Segment = { from: '>', flags: 'A', seq: 1002, ack: 5002 };

describe('TCP states and timeouts', () => {
  it.each<[string, Segment[], string, number]>([
    ['a SYN', [SYN], 'SYN_SENT', 120],
    ['SYN and SYN/ACK', [SYN, SYNACK], 'SYN_RECV', 60],
    ['the handshake', OPEN, 'ESTABLISHED', 432000],
    ['a FIN', [...OPEN, FIN], 'FIN_WAIT', 120],
    ['a FIN and its ACK', [...OPEN, FIN, FIN_ACKED], 'CLOSE_WAIT', 60],
    ['both FINs', [...OPEN, FIN, FIN_ACKED, FIN2], 'LAST_ACK', 30],
    ['both FINs and the last ACK', [...OPEN, FIN, FIN_ACKED, FIN2, LAST], 'TIME_WAIT', 120],
    ['an exact RST', [...OPEN, { from: '<', flags: 'R', seq: 5001 }], 'CLOSE', 10],
    ['data not yet acknowledged', [...OPEN, { ...ACK, flags: 'PA', data: 100 }], 'ESTABLISHED', 300],
    ['a closed window', [...OPEN, { ...ACK, window: 0 }], 'ESTABLISHED', 300],
    ['an ACK out of the blue, picked up', [ACK], 'ESTABLISHED', 300],
    [
      'a simultaneous open',
      [
        SYN,
        { from: '<', flags: 'S', seq: 5000 },
        { from: '>', flags: 'SA', seq: 1000, ack: 5001 },
        { from: '<', flags: 'SA', seq: 5000, ack: 1001 },
      ],
      'SYN_RECV',
      60,
    ],
  ])('%s leads to %s', (_, segments, state, seconds) => {
    const result = run(segments);
    expect([result.state, result.seconds]).toEqual([state, seconds]);
  });

  it('is assured once the handshake is complete', () => {
    expect(run([SYN, SYNACK]).isAssured).toBe(false);
    expect(run(OPEN).isAssured).toBe(true);
  });

  it('the first packets are new, those after an answer established', () => {
    expect(run([...OPEN, SYN]).infos).toEqual([CT_NEW, CT_ESTABLISHED, CT_ESTABLISHED, CT_ESTABLISHED]);
  });

  it('a RST as the only answer removes the entry at once', () => {
    const result = run([SYN, { from: '<', flags: 'RA', seq: 0, ack: 1001 }]);
    expect([result.state, result.info]).toEqual(['', CT_ESTABLISHED]);
  });

  it('repeated SYNs do not keep an entry alive', () => {
    expect(run([SYN, { ...SYN, after: 50 }, { ...SYN, after: 50 }]).seconds).toBe(20);
  });

  it('three repetitions of an ACK shorten the timeout to max_retrans', () => {
    expect(run([...OPEN, ACK, ACK]).seconds).toBe(432000);
    expect(run([...OPEN, ACK, ACK, ACK]).seconds).toBe(300);
    expect(run([...OPEN, ACK, ACK, ACK], { 'net.netfilter.nf_conntrack_tcp_max_retrans': 9 }).seconds).toBe(432000);
  });

  it('a SYN on a closed connection opens a new one', () => {
    const closed = [...OPEN, FIN, FIN_ACKED, FIN2, LAST];
    const result = run([...closed, { ...SYN, seq: 90000 }]);
    expect([result.state, result.info, result.router.table.created]).toEqual(['SYN_SENT', CT_NEW, 2]);
  });
});

describe('TCP segments that are not of the connection', () => {
  it.each<[string, Segment[]]>([
    ['beyond the window', [...OPEN, { ...ACK, seq: 1001 + 140000 }]],
    ['acknowledging what was never sent', [...OPEN, { ...ACK, ack: 5001 + 5000 }]],
    ['a RST before what the other side expects', [...OPEN, { from: '<', flags: 'R', seq: 4000 }]],
    ['a SYN/ACK without a SYN', [SYNACK]],
    ['a RST without a connection', [{ from: '>', flags: 'R', seq: 1 }]],
    ['SYN and FIN together', [{ ...SYN, flags: 'SF' }]],
    ['no flags at all', [...OPEN, { ...ACK, flags: '' }]],
    ['an ACK from the client before the SYN/ACK', [SYN, ACK]],
  ])('%s are invalid', (_, segments) => {
    expect(run(segments).info).toBe(CT_INVALID);
  });

  it('pass and change nothing when they may be right: old data, a SYN on a living connection', () => {
    const old = run([
      ...OPEN,
      { ...ACK, flags: 'PA', data: 500, after: 1 },
      { from: '<', flags: 'A', seq: 5001, ack: 1501 },
      { ...ACK, data: 10, seq: 1001 - 70000 },
    ]);
    expect([old.info, old.seconds]).toEqual([CT_ESTABLISHED, 432000]);
    // Some stacks send a little more than the window allows.
    expect(run([...OPEN, { ...ACK, seq: 1001 + 70000 }]).info).toBe(CT_ESTABLISHED);
    const syn = run([...OPEN, { ...SYN, seq: 700000 }]);
    expect([syn.info, syn.state]).toEqual([CT_ESTABLISHED, 'ESTABLISHED']);
  });

  it('an ignored SYN that the server answers with SYN/ACK puts conntrack in sync again', () => {
    const result = run([...OPEN, { ...SYN, seq: 700000 }, { ...SYNACK, seq: 800000, ack: 700001 }]);
    expect(result.state).toBe('SYN_RECV');
  });

  it('be_liberal lets segments out of window pass, and tcp_loose=0 refuses to pick up', () => {
    const beyond = [...OPEN, { ...ACK, seq: 1001 + 140000 }];
    expect(run(beyond, { 'net.netfilter.nf_conntrack_tcp_be_liberal': 1 }).info).toBe(CT_ESTABLISHED);
    expect(run([ACK], { 'net.netfilter.nf_conntrack_tcp_loose': 0 }).info).toBe(CT_INVALID);
  });

  it('a RST in window but not exact keeps the connection, with the unacknowledged timeout', () => {
    const result = run([...OPEN, { from: '<', flags: 'R', seq: 5101 }]);
    expect([result.state, result.seconds]).toEqual(['ESTABLISHED', 300]);
  });

  it('window scaling counts only when both offered it', () => {
    const scale = Uint8Array.from([3, 3, 7, 1]);
    const far: Segment = { from: '<', flags: 'A', seq: 5001 + 100_000, ack: 1001, data: 100 };
    const both = run([{ ...SYN, options: scale }, { ...SYNACK, options: scale }, { ...ACK, window: 1000 }, far]);
    const one = run([{ ...SYN, options: scale }, SYNACK, { ...ACK, window: 1000 }, far]);
    expect([both.info, one.info]).toEqual([CT_ESTABLISHED, CT_INVALID]);
  });
});

describe('the transition table', () => {
  it('has no segment without flags that is valid, and every RST of a connection closes it', () => {
    for (let direction = 0; direction < 2; direction++) {
      for (let state = 0; state < 10; state++) {
        expect(TCP_TRANSITIONS[(direction * 6 + segmentKind(0)) * 10 + state]).toBe(10);
        expect(TCP_TRANSITIONS[(direction * 6 + segmentKind(4)) * 10 + state]).toBe(state === 0 ? 10 : 8);
      }
    }
  });
});
