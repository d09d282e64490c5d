import { Readable } from 'node:stream';
import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { CaptureError } from '../../src/base/errors.ts';
import { CaptureMerge, type CaptureSource } from '../../src/capture/merge.ts';
import type { OpenOptions } from '../../src/capture/open.ts';
import { payload, pcapFile, pcapngFile, temporaryFile } from './files.ts';

interface Merged {
  rows: string[];
  merge: CaptureMerge;
}

/** Each record as 'source:seconds.nanos:first payload octet'. */
async function merged(sources: CaptureSource[], options: OpenOptions = {}): Promise<Merged> {
  const merge = new CaptureMerge(sources, options);
  await merge.open();
  const rows: string[] = [];
  for (;;) {
    while (merge.next()) {
      rows.push(`${merge.source}:${merge.timestampSeconds}.${merge.timestampNanos}:${merge.data[merge.end - 1]}`);
      merge.data.fill(0xee, merge.start - 64, merge.end);
    }
    if (!(await merge.fill())) break;
  }
  await merge.close();
  return { rows, merge };
}

/** A file with a packet of 20 octets per time (seconds, fraction). */
function times(list: readonly (readonly [number, number])[], mark = 0): string {
  return temporaryFile(
    pcapFile(list.map(([seconds, fraction], i) => ({ seconds, fraction, data: new Uint8Array(20).fill(mark + i) }))),
  );
}

describe('captures are merged by time', () => {
  test('ties go by the order of the files, then of the records', async () => {
    const a = times(
      [
        [1, 0],
        [2, 0],
        [2, 0],
      ],
      10,
    );
    const b = times(
      [
        [1, 0],
        [2, 0],
      ],
      20,
    );
    const { rows } = await merged([{ path: b }, { path: a }]);
    expect(rows).toEqual(['0:1.0:20', '1:1.0:10', '0:2.0:21', '1:2.0:11', '1:2.0:12']);
  });

  test('times that run backwards within a file keep the file’s order', async () => {
    const a = times(
      [
        [5, 0],
        [1, 0],
        [6, 0],
      ],
      10,
    );
    const b = times(
      [
        [2, 0],
        [5, 1],
      ],
      20,
    );
    const { rows } = await merged([{ path: a }, { path: b }]);
    expect(rows).toEqual(['1:2.0:20', '0:5.0:10', '0:1.0:11', '1:5.1000:21', '0:6.0:12']);
  });

  test('nanoseconds decide, across formats', async () => {
    const nano = temporaryFile(
      pcapFile([{ seconds: 1, fraction: 1999, data: new Uint8Array(20).fill(1) }], { magic: 0xa1b23c4d }),
    );
    const micro = times([[1, 2]], 2);
    const ng = temporaryFile(
      pcapngFile([
        { kind: 'section' },
        { kind: 'interface', resolution: 9 },
        { kind: 'enhanced', time: 1_000_001_998n, data: new Uint8Array(20).fill(3) },
      ]).octets,
    );
    const { rows } = await merged([{ path: micro }, { path: nano }, { path: ng }]);
    expect(rows).toEqual(['2:1.1998:3', '1:1.1999:1', '0:1.2000:2']);
  });

  test('other link types arrive as Ethernet, with what the capture said', async () => {
    const raw = temporaryFile(
      pcapFile([{ seconds: 1, fraction: 0, data: Uint8Array.of(0x45, 1, 2) }], { linkType: 101 }),
    );
    const merge = new CaptureMerge([{ path: raw, ingress: 'wan' }]);
    await merge.open();
    while (!merge.next()) if (!(await merge.fill())) break;
    expect([merge.end - merge.start, merge.wireLength, merge.linkType, merge.sourceLinkType]).toEqual([17, 17, 1, 101]);
    expect(merge.sources[merge.source]?.ingress).toBe('wan');
    await merge.close();
  });

  test('equals a stable sort when files are in order, with any block size', async () => {
    const file = fc.array(fc.tuple(fc.nat(5), fc.nat(3)), { maxLength: 15 });
    await fc.assert(
      fc.asyncProperty(
        fc.array(file, { minLength: 1, maxLength: 6 }),
        fc.constantFrom(64, 4096),
        async (files, size) => {
          const sorted = files.map((list) => list.toSorted((x, y) => x[0] - y[0] || x[1] - y[1]));
          const sources = sorted.map((list, i) => ({ path: times(list, i * 20) }));
          const { rows } = await merged(sources, { blockBytes: size });
          const all = sorted.flatMap((list, source) =>
            list.map((time, i) => ({ source, time, mark: source * 20 + i })),
          );
          all.sort((x, y) => x.time[0] - y.time[0] || x.time[1] - y.time[1]);
          expect(rows).toEqual(all.map((one) => `${one.source}:${one.time[0]}.${one.time[1] * 1000}:${one.mark}`));
        },
      ),
      { numRuns: 60 },
    );
  });
});

describe('what is wrong with merged captures', () => {
  test('a cut file does not stop the others; damage is reported', async () => {
    const whole = pcapFile([
      { seconds: 1, fraction: 0, data: payload(20) },
      { seconds: 3, fraction: 0, data: payload(20) },
    ]);
    const cut = temporaryFile(whole.subarray(0, whole.length - 1));
    const { rows, merge } = await merged([
      { path: cut },
      {
        path: times([
          [2, 0],
          [4, 0],
        ]),
      },
    ]);
    expect(rows.map((row) => row.split(':')[0])).toEqual(['0', '1', '1']);
    expect(merge.damages.map((one) => [one.file, one.offsetBytes])).toEqual([[cut, 60]]);
  });

  test('one unusable file refuses the whole, named', async () => {
    const good = times([[1, 0]]);
    await expect(merged([{ path: good }, { path: '/nonexistent/x.pcap' }])).rejects.toThrow(/x\.pcap: .*no such file/);
  });

  test('standard input twice is refused', async () => {
    await expect(merged([{ path: '-' }, { path: '-' }], { stdin: Readable.from([]) })).rejects.toThrow(CaptureError);
  });

  test('skipped and untimed packets are noted', async () => {
    const path = temporaryFile(
      pcapngFile([
        { kind: 'section' },
        { kind: 'interface', linkType: 1 },
        { kind: 'interface', linkType: 127, name: 'mon0' },
        { kind: 'simple', data: payload(20) },
        { kind: 'enhanced', from: 1, data: payload(20) },
      ]).octets,
    );
    const { merge } = await merged([{ path }]);
    expect(merge.notes()).toEqual([
      `${path}: interface 1 'mon0' has link type IEEE802_11_RADIOTAP (127), which is not supported: 1 packets were not replayed`,
      `${path}: 1 packets carry no time (simple packet blocks): each got the time of the packet before it`,
    ]);
  });

  test('progress counts the octets of all files', async () => {
    const sources = [
      { path: times([[1, 0]]) },
      {
        path: times([
          [2, 0],
          [3, 0],
        ]),
      },
    ];
    const { merge } = await merged(sources);
    expect([merge.readBytes, merge.totalBytes]).toEqual([156, 156]);
  });

  test('no captures, and captures without packets, end at once', async () => {
    expect((await merged([])).rows).toEqual([]);
    expect((await merged([{ path: times([]) }, { path: times([]) }])).rows).toEqual([]);
  });
});
