// The live reader against a stand-in for the npm package cap: that needs libpcap and root.
import { describe, expect, test } from 'vitest';
import { type LiveOptions, openLive } from '../../src/capture/live.ts';

type Listener = (length: number, truncated: boolean) => void;

class FakeCap {
  static latest: FakeCap;
  static linkType = 'ETHERNET';
  static failure: string | undefined;
  isClosed = false;
  listener: Listener = () => {};
  packet: Buffer = Buffer.alloc(0);
  constructor() {
    FakeCap.latest = this;
  }
  open(_device: string, _filter: string, _bufferBytes: number, packet: Buffer): string {
    if (FakeCap.failure !== undefined) throw new Error(FakeCap.failure);
    this.packet = packet;
    return FakeCap.linkType;
  }
  on(_event: 'packet', listener: Listener): void {
    this.listener = listener;
  }
  close(): boolean {
    this.isClosed = true;
    return true;
  }
  receive(length: number, value: number): void {
    this.packet.fill(value, 0, length);
    this.listener(length, false);
  }
}

function options(more: Partial<LiveOptions> = {}): LiveOptions {
  let now = 1_700_000_000_000;
  FakeCap.linkType = 'ETHERNET';
  FakeCap.failure = undefined;
  return { nowMs: () => (now += 0.5), load: async () => ({ default: { Cap: FakeCap } }), ...more };
}

describe('live capture', () => {
  test('without the package one message names what to install', async () => {
    const missing = options({ load: async () => Promise.reject(new Error('Cannot find package')) });
    await expect(openLive('eth0', missing)).rejects.toThrow(/live:eth0: .*libpcap-dev.*npm install cap/);
  });

  test('stops after so many packets, timed by the clock', async () => {
    const reader = await openLive('eth0', options({ packets: 3 }));
    const seen: number[][] = [];
    const reading = (async () => {
      for (;;) {
        while (reader.next()) {
          seen.push([reader.end - reader.start, reader.data[reader.start] ?? -1, reader.timestampNanos]);
        }
        if (!(await reader.fill())) break;
      }
    })();
    FakeCap.latest.receive(60, 1);
    FakeCap.latest.receive(1500, 2);
    await new Promise((resolve) => setTimeout(resolve, 5));
    FakeCap.latest.receive(70, 3);
    FakeCap.latest.receive(70, 4);
    await reading;
    expect(seen).toEqual([
      [60, 1, 500_000],
      [1500, 2, 1_000_000],
      [70, 3, 1_500_000],
    ]);
    expect(FakeCap.latest.isClosed).toBe(true);
    expect(reader.interfaces[0]).toMatchObject({ name: 'eth0', linkType: 1 });
  });

  test('stops after so many seconds', async () => {
    const reader = await openLive('eth0', options({ seconds: 0.02 }));
    expect(await reader.fill()).toBe(false);
  });

  test('packets that nobody takes are lost beyond a bound, and counted', async () => {
    const reader = await openLive('eth0', options({ seconds: 10 }));
    for (let i = 0; i < 1100; i++) FakeCap.latest.receive(65_535, i);
    expect(reader.lost).toBeGreaterThan(50);
    await reader.close();
    expect(await reader.fill()).toBe(true);
    let read = 0;
    while (reader.next()) read++;
    expect(read + reader.lost).toBe(1100);
    expect(await reader.fill()).toBe(false);
  });

  test('an interface that cannot be opened, and an unsupported link type', async () => {
    const refused = options();
    FakeCap.failure = 'eth9: No such device exists';
    await expect(openLive('eth9', refused)).rejects.toThrow(/No such device exists.*ip link/);
    const monitor = options();
    FakeCap.linkType = 'IEEE802_11_RADIO';
    await expect(openLive('mon0', monitor)).rejects.toThrow(/RADIOTAP \(127\)/);
    const cooked2 = options();
    FakeCap.linkType = 'Unknown linktype 276';
    expect((await openLive('any', cooked2)).linkType).toBe(276);
  });
});
