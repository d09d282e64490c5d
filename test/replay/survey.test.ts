// What the beginning of a capture tells before the replay: addresses, tags, and whether a cooked capture repeats itself.
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { ether, ip, udp } from '../../src/packet/build.ts';
import { surveyCaptures } from '../../src/replay/survey.ts';
import { withFolder, writeCapture } from './fixture.ts';

const DATA = udp({ sport: 1, dport: 2 }, new Uint8Array(10));
const LINKTYPE_LINUX_SLL = 113;
const OUTGOING = 4;
const HOST = 0;

/** Linux cooked v1 around a datagram. */
function cooked(type: number, src: string, dst: string): Uint8Array {
  const datagram = ip({ src, dst }, DATA);
  const bytes = new Uint8Array(16 + datagram.length);
  bytes.set([0, type, 0, 1, 0, 6, 2, 0, 0, 0, 0, 1, 0, 0, 8, 0]);
  bytes.set(datagram, 16);
  return bytes;
}

async function survey(frames: Uint8Array[], linkType = 1) {
  return withFolder(async (folder) => {
    const path = join(folder, 'a.pcap');
    writeCapture(
      path,
      frames.map((frame, n) => ({ seconds: n, frame })),
      { linkType },
    );
    return surveyCaptures([path]);
  });
}

describe('the survey', () => {
  it('counts addresses as hex, below tags and PPPoE', async () => {
    const found = await survey([
      ether({}, ip({ src: '192.168.1.2', dst: '198.51.100.7' }, DATA)),
      ether({ vlans: [{ id: 7 }] }, ip({ src: '192.168.1.2', dst: '198.51.100.8' }, DATA)),
      ether({ pppoe: 3 }, ip({ src: '198.51.100.8', dst: '192.168.1.2' }, DATA)),
      ether({ vlans: [{ id: 9, protocol: 0x88a8 }, { id: 8 }] }, ip({ src: '2001:db8::1', dst: '2001:db8::2' }, DATA)),
      ether({}, new Uint8Array(28), 0x0806),
    ]);
    expect(Object.fromEntries(found.sources)).toEqual({
      c0a80102: 2,
      c6336408: 1,
      '20010db8000000000000000000000001': 1,
    });
    expect(found.destinations.get('c0a80102')).toBe(1);
    expect([...found.vlanIds].sort()).toEqual([7, 8, 9]);
    expect(found.hasPppoe).toBe(true);
    expect(found.packets).toBe(5);
    expect(found.hasOutgoingCopies).toEqual([false]);
  });

  it('sees no PPPoE and no tags where there are none', async () => {
    const found = await survey([ether({}, ip({ src: '192.168.1.2', dst: '198.51.100.7' }, DATA))]);
    expect([found.hasPppoe, found.vlanIds.size]).toEqual([false, 0]);
  });

  it('knows a capture on a router: what goes out came in before', async () => {
    const found = await survey(
      [
        cooked(HOST, '192.168.1.2', '198.51.100.7'),
        cooked(OUTGOING, '192.168.1.2', '198.51.100.7'),
        cooked(HOST, '198.51.100.7', '192.168.1.2'),
        cooked(OUTGOING, '198.51.100.7', '192.168.1.2'),
      ],
      LINKTYPE_LINUX_SLL,
    );
    expect(found.hasOutgoingCopies).toEqual([true]);
  });

  it('knows a capture on a translating router by the destinations', async () => {
    const found = await survey(
      [
        cooked(HOST, '192.168.1.2', '198.51.100.7'),
        cooked(OUTGOING, '203.0.113.1', '198.51.100.7'),
        cooked(HOST, '192.168.1.2', '198.51.100.7'),
        cooked(OUTGOING, '203.0.113.1', '198.51.100.7'),
      ],
      LINKTYPE_LINUX_SLL,
    );
    expect(found.hasOutgoingCopies).toEqual([true]);
  });

  it('looks behind the link header of every packet', async () => {
    const frames = [1, 2, 3].map((n) => cooked(HOST, `10.0.0.${n}`, '10.0.1.1'));
    const found = await survey(frames, LINKTYPE_LINUX_SLL);
    expect([...found.sources.keys()]).toEqual(['0a000001', '0a000002', '0a000003']);
  });

  it('knows a capture on a host: what goes out is its own', async () => {
    const found = await survey(
      [
        cooked(OUTGOING, '192.168.1.2', '198.51.100.7'),
        cooked(HOST, '198.51.100.7', '192.168.1.2'),
        cooked(OUTGOING, '192.168.1.2', '198.51.100.7'),
      ],
      LINKTYPE_LINUX_SLL,
    );
    expect(found.hasOutgoingCopies).toEqual([false]);
  });
});
