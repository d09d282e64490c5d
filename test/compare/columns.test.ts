import { describe, expect, it } from 'vitest';
import { type PacketColumns, replayColumns } from '../../src/compare/columns.ts';
import { loadRouter } from '../../src/config/router-file.ts';
import { compile } from '../../src/nft/compile.ts';
import { VERDICT_DROP, VERDICT_FORWARD } from '../../src/packet/packet.ts';
import { ruleset } from '../replay/fixture.ts';

const PLAIN = ruleset('table inet f { chain c { type filter hook forward priority 0; } }');
const TTL = ruleset(
  'table inet f { chain c { type filter hook forward priority 0; } }\n' +
    'table inet m { chain c { type filter hook postrouting priority 0; ip dscp set cs1 } }',
);
const DROP = ruleset('table inet f { chain c { type filter hook forward priority 0; udp dport 53 drop } }');

async function columnsOf(rules: typeof PLAIN, capture: string, workers = 1): Promise<PacketColumns> {
  return (await replayColumns({ ruleset: rules, captures: [{ path: `captures/${capture}` }], workers })).columns;
}

describe('packet columns', () => {
  it('of the same replay are the same, for any number of workers', async () => {
    const { ruleset: rules } = compile({ path: 'captures/home-router.nft' });
    const options = {
      ruleset: rules,
      router: loadRouter('captures/home-router.yaml'),
      captures: [{ path: 'captures/home-router.pcapng.gz' }],
    };
    const first = await replayColumns({ ...options, workers: 1 });
    const second = await replayColumns({ ...options, workers: 2 });
    expect(first.columns.packets).toBeGreaterThan(100);
    expect(second.columns).toEqual(first.columns);
  });

  it('split over workers are those of one', async () => {
    expect(await columnsOf(PLAIN, 'ipv6.pcap', 2)).toEqual(await columnsOf(PLAIN, 'ipv6.pcap', 1));
  });

  it('tell by the digest that a frame left changed, and only then', async () => {
    const plain = await columnsOf(PLAIN, 'udp-both-ways.pcap');
    const marked = await columnsOf(TTL, 'udp-both-ways.pcap');
    for (let row = 0; row < plain.packets; row++) {
      const isForwarded = plain.verdict[row] === VERDICT_FORWARD;
      expect(plain.digest[row] === 0).toBe(!isForwarded);
      if (isForwarded) expect(marked.digest[row]).not.toBe(plain.digest[row]);
    }
  });

  it('say who dropped a packet, and that nothing left', async () => {
    const columns = await columnsOf(DROP, 'dns.pcap');
    const dropped = [...columns.verdict.keys()].filter((row) => columns.verdict[row] === VERDICT_DROP);
    expect(dropped.length).toBeGreaterThan(0);
    for (const row of dropped) expect([columns.detail[row], columns.out[row], columns.digest[row]]).toEqual([0, 0, 0]);
  });
});
