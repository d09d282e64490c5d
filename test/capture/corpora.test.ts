// Every real capture of /work/shared/corpora/captures, judged by its manifest (capinfos, tcpdump) and by tshark.
// Both are optional: without them these tests are skipped, and say so.
import { execFileSync, spawnSync } from 'node:child_process';
import { existsSync, readFileSync } from 'node:fs';
import { Readable } from 'node:stream';
import { gzipSync } from 'node:zlib';
import { describe, expect, test } from 'vitest';
import { CaptureError } from '../../src/base/errors.ts';
import { LINK_FORMS } from '../../src/capture/linktype.ts';
import { CaptureMerge } from '../../src/capture/merge.ts';
import { type ReadCapture, readAll, temporaryFile } from './files.ts';

const FOLDER = new URL('../../../shared/corpora/captures/', import.meta.url).pathname;

interface ManifestRow {
  file: string;
  bytes: number;
  format: string;
  linktype?: string[];
  interfaces?: number;
  sections?: number;
  endian: string;
  tsresol?: number[];
  packets: number | null;
  packets_own_scan: number;
  tcpdump?: { rc: number; packets: number | null; error?: string };
}

const hasCorpus = existsSync(`${FOLDER}manifest.json`);
if (!hasCorpus) console.info(`skipped: no captures in ${FOLDER}`);
const rows: ManifestRow[] = hasCorpus ? JSON.parse(readFileSync(`${FOLDER}manifest.json`, 'utf8')) : [];

function hasTool(name: string): boolean {
  try {
    execFileSync(name, ['--version'], { stdio: 'ignore' });
    return true;
  } catch {
    console.info(`skipped: ${name} is not installed`);
    return false;
  }
}

/** Link type numbers by the manifest ('113 LINUX_SLL'). */
function linkTypes(row: ManifestRow): number[] {
  return (row.linktype ?? []).map((name) => Number.parseInt(name, 10));
}

/**
 * A line of tshark for a fuzzed file as we say it: a fraction of a second or more is carried, and no packet is shorter
 * on the wire than captured.
 */
function normalised(line: string): string {
  const [time = '', wire, captured, name] = line.split('\t');
  const carried = /^(\d+)\.(\d)(\d{9})$/.exec(time);
  const told = carried === null ? time : `${Number(carried[1]) + Number(carried[2])}.${carried[3]}`;
  return [told, Math.max(Number(wire), Number(captured)), captured, name].join('\t');
}

/** capinfos, else what an own scan and tcpdump agree on. */
function expectedPackets(row: ManifestRow): number {
  return row.packets ?? row.packets_own_scan;
}

describe.skipIf(!hasCorpus)('real captures', () => {
  test('every file gives its number of packets, or a message that names file and link type', async () => {
    const wrong: string[] = [];
    for (const row of rows) {
      const path = FOLDER + row.file;
      let read: ReadCapture;
      try {
        read = await readAll(path);
      } catch (error) {
        const refused = error instanceof CaptureError && linkTypes(row).every((type) => !LINK_FORMS.has(type));
        if (!refused || !error.message.includes(path)) wrong.push(`${row.file}: ${error}`);
        continue;
      }
      const skipped = read.reader.interfaces.reduce((sum, one) => sum + one.skipped, 0);
      const packets = read.records.length + skipped;
      if (packets !== expectedPackets(row)) wrong.push(`${row.file}: ${packets} of ${expectedPackets(row)} packets`);
      // What tcpdump stops at, but for its own limits with several interfaces, is damage here too.
      const isDamaged = (row.tcpdump?.rc ?? 0) !== 0 && !/an interface has|no Interface/.test(row.tcpdump?.error ?? '');
      if (isDamaged !== (read.damage !== undefined)) wrong.push(`${row.file}: damage ${read.damage?.message}`);
    }
    expect(wrong).toEqual([]);
  });

  test('all supported files merged at once lose nothing', async () => {
    const usable = rows.filter((row) => linkTypes(row).some((type) => LINK_FORMS.has(type)) && row.bytes < 3_000_000);
    const merge = new CaptureMerge(usable.map((row) => ({ path: FOLDER + row.file })));
    await merge.open();
    const counts = new Uint32Array(usable.length);
    for (;;) {
      while (merge.next()) counts[merge.source] = (counts[merge.source] as number) + 1;
      if (!(await merge.fill())) break;
    }
    await merge.close();
    merge.readers.forEach((reader, i) => {
      const skipped = reader.interfaces.reduce((sum, one) => sum + one.skipped, 0);
      expect([usable[i]?.file, (counts[i] as number) + skipped]).toEqual([
        usable[i]?.file,
        expectedPackets(usable[i] as ManifestRow),
      ]);
    });
    expect(merge.damages.length).toBe(4);
  });

  test('files, the same through a pipe, and gzipped give the same records', async () => {
    const sample = rows.filter(
      (row, i) => row.bytes < 300_000 && linkTypes(row).some((type) => LINK_FORMS.has(type)) && i % 6 === 0,
    );
    for (const row of sample) {
      const octets = readFileSync(FOLDER + row.file);
      const direct = await readAll(FOLDER + row.file);
      const piped = await readAll('-', { stdin: Readable.from([octets]) });
      const zipped = await readAll(temporaryFile(gzipSync(octets), 'sample.gz'));
      expect([row.file, piped.records.length, zipped.records.length]).toEqual([
        row.file,
        direct.records.length,
        direct.records.length,
      ]);
      expect(piped.records).toEqual(direct.records);
      expect(zipped.records).toEqual(direct.records);
      expect(piped.damage?.offsetBytes).toBe(direct.damage?.offsetBytes);
    }
  });
});

describe.skipIf(!hasCorpus || !hasTool('tshark'))('real captures beside tshark', () => {
  // All that is unusual, and some of the usual.
  const sample = rows.filter(
    (row, i) =>
      linkTypes(row).some((type) => LINK_FORMS.has(type)) &&
      row.bytes < 1_000_000 &&
      (row.format === 'pcap-ns' ||
        row.endian === 'big' ||
        (row.interfaces ?? 1) > 1 ||
        (row.sections ?? 1) > 1 ||
        row.tsresol?.some((one) => one !== 6) === true ||
        i % 40 === 0),
  );

  test('times, lengths and interfaces are the same', { timeout: 300_000 }, async () => {
    expect(sample.length).toBeGreaterThan(30);
    for (const row of sample) {
      const fields = ['frame.time_epoch', 'frame.len', 'frame.cap_len', 'frame.interface_name'];
      const args = ['-n', '-r', FOLDER + row.file, '-T', 'fields', ...fields.flatMap((field) => ['-e', field])];
      // Its exit code says that a file is cut; what it printed counts.
      const printed = spawnSync('tshark', args, { encoding: 'utf8', maxBuffer: 1e9 }).stdout;
      const { records, reader } = await readAll(FOLDER + row.file);
      if (reader.interfaces.some((one) => one.skipped > 0)) continue;
      // In pcapng, tshark also lists blocks that are no packets: they have no interface.
      const isPcapng = row.format === 'pcapng';
      const theirs = printed
        .split('\n')
        .filter((line) => line !== '' && !(isPcapng && line.endsWith('\t')))
        .map(normalised);
      const ours = records.map((one, i) => {
        const [time = '', , , name = ''] = (theirs[i] ?? '').split('\t');
        const known = reader.interfaces[one.interfaceIndex]?.name ?? '';
        const nanos = String(one.nanos).padStart(9, '0');
        // tshark gives untimed packets no time and unnamed interfaces a name of its own; 4.0 takes the names of
        // later sections' interfaces from the first section.
        const isNamed = known !== '' && (row.sections ?? 1) === 1;
        return [
          time === '' ? '' : `${one.seconds}.${nanos}`,
          one.wireLength,
          one.data.length,
          isNamed ? known : name,
        ].join('\t');
      });
      expect([row.file, ...ours]).toEqual([row.file, ...theirs]);
    }
  });
});
