// Captures from the inside of a masquerading router: its own answers are turned back into what arrived, so that the
// router's connections become established and offloaded.
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { REFUSALS } from '../../src/event/refusals.ts';
import { ConntrackTable } from '../../src/netfilter/conntrack/table.ts';
import { ether, icmp, ip, type Layer4, tcp, udp } from '../../src/packet/build.ts';
import { replayCaptures } from '../../src/replay/replay.ts';
import { Untranslate } from '../../src/replay/untranslate.ts';
import { ruleset, type Shot, withFolder, writeCapture } from './fixture.ts';

const MASQUERADE = ruleset(`
table inet fw {
	flowtable ft { hook ingress priority 0; devices = { lan, wan } }
	chain forward {
		type filter hook forward priority 0; policy drop;
		ct state established flow add @ft
		ct state established,related accept
		iifname "lan" oifname "wan" accept
	}
	chain post { type nat hook postrouting priority srcnat; oifname "wan" masquerade }
}
`);
const HOST = '192.168.1.10';
const FAR = '198.51.100.7';

function inside(asked: Layer4, answered: Layer4, rounds: number): Shot[] {
  const there = ether({ src: '02:ee:00:00:00:10' }, ip({ src: HOST, dst: FAR, ttl: 64 }, asked));
  const back = ether(
    { src: '02:00:00:00:00:01', dst: '02:ee:00:00:00:10' },
    ip({ src: FAR, dst: HOST, ttl: 55 }, answered),
  );
  return Array.from({ length: rounds * 2 }, (_, n) => ({ seconds: n / 100, frame: n % 2 === 0 ? there : back }));
}

async function replay(shots: Shot[]) {
  return withFolder(async (folder) => {
    const path = join(folder, 'inside.pcap');
    writeCapture(path, shots);
    const frames: { ifindex: number; hex: string }[] = [];
    const { result } = await replayCaptures({
      ruleset: MASQUERADE,
      captures: [{ path }],
      onFrames: (rows) => {
        for (const row of rows) frames.push({ ifindex: row.ifindex, hex: Buffer.from(row.octets).toString('hex') });
      },
    });
    return { result, frames };
  });
}

describe('an inside capture under masquerade', () => {
  it.each([
    ['UDP', udp({ sport: 5000, dport: 53 }, new Uint8Array(30)), udp({ sport: 53, dport: 5000 }, new Uint8Array(90))],
    ['UDP without checksum', udp({ sport: 5000, dport: 53 }), udp({ sport: 53, dport: 5000 }, new Uint8Array(90))],
  ])('%s is established and offloaded', async (_, asked, answered) => {
    const { result, frames } = await replay(inside(asked, answered, 10));
    expect(result.input.untranslated).toBe(10);
    expect(result.drops).toEqual([]);
    const offloaded = result.flows.byRefusal.filter((row) => REFUSALS[row.refusal]?.name === 'offloaded');
    expect(offloaded).toMatchObject([{ flows: 1, packets: 20 }]);
    expect(result.flows.fastPackets).toBeGreaterThan(15);
    // What the inside host gets is what the capture shows that it got, one hop on.
    const got = frames.filter((row) => row.hex.startsWith('02ee00000010'));
    expect(got.length).toBe(10);
    expect(got[0]?.hex.slice(28)).toBe(Buffer.from(ip({ src: FAR, dst: HOST, ttl: 54 }, answered)).toString('hex'));
  });

  it('a TCP handshake and its data pass', async () => {
    const asked = { sport: 40000, dport: 443 };
    const answered = { sport: 443, dport: 40000 };
    const [one] = inside(tcp({ ...asked, flags: 'S', seq: 1 }), tcp({ ...answered, flags: 'SA', seq: 9, ack: 2 }), 1);
    const shots = [
      ...inside(tcp({ ...asked, flags: 'S', seq: 1 }), tcp({ ...answered, flags: 'SA', seq: 9, ack: 2 }), 1),
      ...inside(tcp({ ...asked, seq: 2, ack: 10 }), tcp({ ...answered, seq: 10, ack: 2 }, new Uint8Array(100)), 1),
    ].map((shot, n) => ({ ...shot, seconds: n / 10 }));
    expect(one).toBeDefined();
    const { result } = await replay(shots);
    expect(result.drops).toEqual([]);
    expect(result.conntrack.map((row) => row.line)).toEqual([
      expect.stringMatching(/ESTABLISHED src=192\.168\.1\.10 .*\[ASSURED\]|\[OFFLOAD\]/),
    ]);
    expect(result.input.untranslated).toBe(2);
  });

  it('echo replies find their connection', async () => {
    const { result } = await replay(
      inside(icmp(8, 0, 0x00070001, new Uint8Array(8)), icmp(0, 0, 0x00070001, new Uint8Array(8)), 2),
    );
    expect(result.drops).toEqual([]);
    expect(result.input.untranslated).toBe(2);
  });
});

describe('what is no answer of a translated connection', () => {
  const frames: [string, Uint8Array][] = [
    ['a connection of nobody', ether({}, ip({ src: FAR, dst: HOST }, udp({ sport: 53, dport: 5000 })))],
    ['IPv6', ether({}, ip({ src: '2001:db8::1', dst: '2001:db8::2' }, udp({ sport: 53, dport: 5000 })))],
    ['a later fragment', ether({}, ip({ src: FAR, dst: HOST, fragmentOffset: 800 }, udp({ sport: 53, dport: 5000 })))],
    ['an ICMP error', ether({}, ip({ src: FAR, dst: HOST }, icmp(3, 1, 0, new Uint8Array(28))))],
    ['another protocol', ether({}, ip({ src: FAR, dst: HOST }, { protocol: 47, bytes: new Uint8Array(12) }))],
    ['a cut frame', ether({}, ip({ src: FAR, dst: HOST }, udp({ sport: 53, dport: 5000 }))).slice(0, 40)],
    ['a runt', new Uint8Array(9)],
    [
      'a header length beyond the frame',
      ether(
        {},
        Uint8Array.from({ length: 32 }, () => 0x4f),
      ),
    ],
  ];
  it.each(frames)('stays: %s', (_, frame) => {
    const undo = new Untranslate(new ConntrackTable(100));
    const before = Buffer.from(frame).toString('hex');
    undo.undo(frame, 0, frame.length);
    expect(Buffer.from(frame).toString('hex')).toBe(before);
    expect(undo.packets).toBe(0);
  });
});
