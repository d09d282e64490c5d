// Why connections were offloaded or not, as the report counts them.
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { REFUSALS } from '../../src/event/refusals.ts';
import { ether, ip, type Layer4, tcp, udp } from '../../src/packet/build.ts';
import { replayCaptures } from '../../src/replay/replay.ts';
import { router, ruleset, withFolder, writeCapture } from './fixture.ts';

const HOST = '192.168.1.10';
const FAR = '198.51.100.7';
const out = (inner: Layer4, src = HOST): Uint8Array => ether({}, ip({ src, dst: FAR }, inner));
const back = (inner: Layer4): Uint8Array => ether({ dst: '02:00:00:00:00:02' }, ip({ src: FAR, dst: HOST }, inner));
const data = (length = 20): Uint8Array => new Uint8Array(length);

function rules(forward: string, extra = ''): string {
  return `table inet f {
	flowtable ft { hook ingress priority 0; devices = { lan, wan } }
	chain forward { type filter hook forward priority 0; policy drop; ${forward} }
	${extra}
}`;
}

async function flows(text: string, frames: Uint8Array[], secondsApart = 0.1) {
  return withFolder(async (folder) => {
    const path = join(folder, 'a.pcap');
    writeCapture(
      path,
      frames.map((frame, n) => ({ seconds: n * secondsApart, frame })),
    );
    const { result } = await replayCaptures({ ruleset: ruleset(text), captures: [{ path }], router: router().spec });
    const { byRefusal, ...rest } = result.flows;
    return {
      ...rest,
      reasons: byRefusal.map((row) => [REFUSALS[row.refusal]?.name, row.flows, row.packets, row.bytes]),
    };
  });
}

describe('flows', () => {
  const udpOut = out(udp({ sport: 1000, dport: 53 }, data()));
  const udpBack = back(udp({ sport: 53, dport: 1000 }, data()));

  it('count as offloaded with the packet that did it, and their fast packets', async () => {
    const found = await flows(rules('flow add @ft; accept'), [udpOut, udpBack, udpOut, udpBack, udpOut]);
    expect(found.reasons).toEqual([['offloaded', 1, 5, 5 * 48]]);
    expect(found.offloadedAfter.indexOf(1)).toBe(2);
    expect([found.offloadedPackets, found.fastPackets, found.hardwarePackets]).toEqual([5, 3, 0]);
  });

  it('whose packets were all dropped', async () => {
    const found = await flows(rules('ct state new drop'), [udpOut, out(udp({ sport: 1001, dport: 53 }, data()))]);
    expect(found.reasons).toEqual([['dropped', 2, 2, 2 * 48]]);
    expect(found.flows).toBe(2);
  });

  it('that no rule offers', async () => {
    const found = await flows(rules('tcp dport 80 flow add @ft; accept'), [udpOut, udpBack, udpOut]);
    expect(found.reasons).toEqual([['no-rule', 1, 3, 3 * 48]]);
  });

  it('to the router itself', async () => {
    const own = ether({}, ip({ src: HOST, dst: '192.168.1.1' }, udp({ sport: 1000, dport: 53 }, data())));
    const found = await flows(rules('flow add @ft; accept'), [own, own]);
    expect(found.reasons).toEqual([['local', 1, 2, 2 * 48]]);
  });

  it('are counted when they time out too', async () => {
    const found = await flows(
      rules('ct state established accept; iifname "lan" accept'),
      [udpOut, udpOut, udpOut],
      100,
    );
    expect(found.flows).toBe(3);
  });

  it('are not what an invalid packet would have begun', async () => {
    const found = await flows(rules('flow add @ft; accept'), [
      back(tcp({ sport: 80, dport: 1, flags: 'SA', seq: 9, ack: 2 })),
    ]);
    expect([found.flows, found.reasons]).toEqual([0, []]);
  });

  it('of TCP enter after the handshake', async () => {
    const ask = { sport: 40000, dport: 80 };
    const answer = { sport: 80, dport: 40000 };
    const found = await flows(rules('flow add @ft; accept'), [
      out(tcp({ ...ask, flags: 'S', seq: 1 })),
      back(tcp({ ...answer, flags: 'SA', seq: 9, ack: 2 })),
      out(tcp({ ...ask, seq: 2, ack: 10 })),
      back(tcp({ ...answer, seq: 10, ack: 2 }, data(100))),
    ]);
    expect(found.reasons).toEqual([['offloaded', 1, 4, 40 * 4 + 100]]);
    expect(found.offloadedAfter.indexOf(1)).toBe(3);
  });
});
