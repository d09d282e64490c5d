// Neighbours that do not answer, where the kernel's scenes do not look: bounds, connections that end meanwhile, time.
import { describe, expect, it } from 'vitest';
import { parseRouter } from '../../src/config/router-file.ts';
import { Router } from '../../src/datapath/router.ts';
import { Recorder } from '../../src/event/recorder.ts';
import { ether, ip, udp } from '../../src/packet/build.ts';
import { HEADROOM, Packet, VERDICTS } from '../../src/packet/packet.ts';
import { compileText } from './compile.ts';
import { TOPOLOGY } from './scenes.ts';

const GONE = '192.168.1.99';

function bench(sysctl: Record<string, number> = {}, rules = '') {
  const frames: string[] = [];
  const router: Router = new Router({
    spec: parseRouter(
      JSON.stringify({ ...TOPOLOGY, neighbours: [{ dev: 'lan0', ip: GONE, state: 'failed' }], sysctl }),
      'router',
    ),
    ruleset: compileText(rules),
    recorder: new Recorder(),
    sink: {
      frame: (ifindex, data, start, end) => {
        const type = Buffer.from(data.subarray(start + 12, start + 14)).toString('hex');
        frames.push(`${router.interfaces.at(ifindex).name} ${type} ${end - start}`);
      },
    },
    seed: 1,
    epochNs: 0n,
    offload: 'as-ruled',
  });
  const packet = new Packet();
  const send = (ms: number, sport = 53, length = 10): string => {
    const frame = ether(
      {},
      ip({ src: '198.51.100.7', dst: GONE }, udp({ sport, dport: 5000 }, new Uint8Array(length))),
    );
    const data = new Uint8Array(HEADROOM + frame.length);
    data.set(frame, HEADROOM);
    packet.attach(data, HEADROOM, data.length, frame.length);
    packet.timeNs = ms * 1e6;
    router.process(packet, router.interfaces.byName('wan0')?.index ?? 0);
    return VERDICTS[packet.verdict] ?? '';
  };
  return { frames, router, send };
}

describe('a neighbour that does not answer', () => {
  it('consumes packets, and nothing is left to do when it was given up', () => {
    const { frames, router, send } = bench();
    expect(send(0)).toBe('consumed');
    router.advance(1e15);
    expect(frames).toEqual(['lan0 0806 42', 'lan0 0806 42', 'lan0 0806 42', 'wan0 0800 80']);
    frames.length = 0;
    router.advance(2e15);
    expect(frames).toEqual([]);
  });

  it('keeps a bounded queue, however many packets come', () => {
    const { frames, router, send } = bench({
      'net.ipv4.icmp_ratelimit': 0,
      'net.ipv4.icmp_msgs_burst': 1_000_000,
      'net.ipv4.icmp_msgs_per_sec': 1_000_000,
    });
    for (let i = 0; i < 5000; i++) send(i / 10, 1000 + i);
    frames.length = 0;
    router.advance(1e12);
    const told = frames.filter((frame) => frame.startsWith('wan0')).length;
    expect(told).toBeGreaterThan(100);
    expect(told).toBeLessThan(400);
  });

  it('tells about a packet whose connection has ended meanwhile, without it', () => {
    const { frames, router, send } = bench(
      { 'net.netfilter.nf_conntrack_udp_timeout': 1 },
      'table inet t {\n\tchain o {\n\t\ttype filter hook output priority 0; policy accept;\n\t\tct state related drop\n\t}\n}\n',
    );
    send(0);
    router.advance(1e12);
    expect(frames.at(-1)).toBe('wan0 0800 80');
  });

  it('is asked at its own time when a capture has gaps', () => {
    const { frames, send } = bench();
    send(0);
    send(1e6, 54);
    expect(frames).toEqual(['lan0 0806 42', 'lan0 0806 42', 'lan0 0806 42', 'wan0 0800 80', 'lan0 0806 42']);
  });
});
